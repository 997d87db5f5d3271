#include <algorithm>

#include "security_manager/gate/connect_proof.hpp"
#include "security_manager/gate/topic.hpp"
#include "security_manager/gate/wire.hpp"

using namespace fairstream;
namespace gate = security_manager::gate;

/// What a broker's gate reads: messages of the daemon, topics and CONNECT's proof of clients.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    gate::wire::Reader reader;
    reader.feed({data, size});
    for (auto message = reader.next(); message && *message; message = reader.next())
        static_cast<void>(gate::wire::encode(**message));
    static_cast<void>(gate::parse_topic(as_text({data, size})));
    static_cast<void>(gate::session_id_from_text(as_text({data, size})));
    if (const auto proof = gate::ConnectProof::decode({data, size}))
        if (!std::ranges::equal(proof->encode(), ByteView(data, size))) __builtin_trap();
    return 0;
}
