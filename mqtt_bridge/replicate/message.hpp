#pragma once

#include <vector>

#include "mqtt_bridge/log/stream_log.hpp"

/// What operators tell one another, beside bundles and storage receipts, which travel as they are. Big-endian, exact.
namespace fairstream::mqtt_bridge::replicate {

using log::Position;
using log::StreamHash;

/// "I hold `stream` up to here." Not signed: the link it comes by is authenticated.
struct MarkMessage {
    StreamHash stream{};
    Position position;
    bool ask = false;             // "and you?"
    std::uint64_t range_end = 0;  // not 0: the answer to a fetch went out, and ended with this number

    bool operator==(const MarkMessage&) const = default;
};

/// "Send me what follows." The answer: bundles, then a mark with `range_end`.
struct FetchMessage {
    StreamHash stream{};
    std::uint64_t from = 0;

    bool operator==(const FetchMessage&) const = default;
};

constexpr std::size_t kMaxMarks = 4096;  // in one message

Bytes encode(const std::vector<MarkMessage>& marks);
Bytes encode(const FetchMessage& fetch);
/// Error of both: bad_message.
Result<std::vector<MarkMessage>> decode_marks(ByteView bytes);
Result<FetchMessage> decode_fetch(ByteView bytes);

}  // namespace fairstream::mqtt_bridge::replicate
