#include "security_manager/gate/wire.hpp"

using namespace fairstream;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    security_manager::gate::wire::Reader reader;
    reader.feed({data, size});
    for (auto message = reader.next(); message && *message; message = reader.next())
        static_cast<void>(security_manager::gate::wire::encode(**message));
    return 0;
}
