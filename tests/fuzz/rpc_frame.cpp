#include "base/net/rpc_wire.hpp"

using namespace fairstream;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    base::net::FrameReader reader(/*max_frame_bytes=*/4096);
    reader.feed({data, size});
    for (auto frame = reader.next(); frame && *frame; frame = reader.next())
        if ((*frame)->kind == base::net::FrameKind::kFailure) base::net::decode_failure((*frame)->payload);
    return 0;
}
