#include "ledger/node/transaction_frame.hpp"

namespace fairstream::ledger::node {

namespace {
constexpr std::size_t kMaxTransactions = 8'192;
}  // namespace

Bytes frame_of(std::span<const Bytes> transactions) {
    Bytes out;
    for (const auto& transaction : transactions) append(out, base::lp(transaction));
    return out;
}

Result<std::vector<Bytes>> split_frame(ByteView frame) {
    std::vector<Bytes> out;
    while (!frame.empty()) {
        if (frame.size() < 4 || frame.size() - 4 < base::read_u32(frame) || base::read_u32(frame) == 0 ||
            out.size() == kMaxTransactions)
            return fail("malformed", "this frame is no list of at most 8192 transactions");
        const auto length = base::read_u32(frame);
        out.push_back(to_bytes(frame.subspan(4, length)));
        frame = frame.subspan(4 + length);
    }
    return out;
}

}  // namespace fairstream::ledger::node
