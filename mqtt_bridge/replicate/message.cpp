#include "mqtt_bridge/replicate/message.hpp"

#include <algorithm>

namespace fairstream::mqtt_bridge::replicate {

namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kMarkBytes = 16 + 8 + 32 + 1 + 8;
constexpr std::size_t kFetchBytes = 16 + 8;

StreamHash read_stream(ByteView from) {
    StreamHash out;
    std::copy_n(from.begin(), out.size(), out.begin());
    return out;
}

}  // namespace

Bytes encode(const std::vector<MarkMessage>& marks) {
    Bytes out{kVersion};
    for (const MarkMessage& mark : marks) {
        append(out, mark.stream);
        base::append_u64(out, mark.position.through);
        append(out, mark.position.head);
        out.push_back(mark.ask ? 1 : 0);
        base::append_u64(out, mark.range_end);
    }
    return out;
}

Bytes encode(const FetchMessage& fetch) {
    Bytes out{kVersion};
    append(out, fetch.stream);
    base::append_u64(out, fetch.from);
    return out;
}

Result<std::vector<MarkMessage>> decode_marks(ByteView bytes) {
    if (bytes.empty() || bytes[0] != kVersion || (bytes.size() - 1) % kMarkBytes != 0 ||
        bytes.size() - 1 > kMaxMarks * kMarkBytes)
        return fail("bad_message", "not a list of at most 4096 marks of version 1");
    std::vector<MarkMessage> out;
    for (ByteView rest = bytes.subspan(1); !rest.empty(); rest = rest.subspan(kMarkBytes)) {
        MarkMessage mark;
        mark.stream = read_stream(rest);
        mark.position.through = base::read_u64(rest.subspan(16));
        std::copy_n(rest.begin() + 24, 32, mark.position.head.begin());
        if (rest[56] > 1) return fail("bad_message", "a mark's flag is neither 0 nor 1");
        mark.ask = rest[56] == 1;
        mark.range_end = base::read_u64(rest.subspan(57));
        out.push_back(mark);
    }
    return out;
}

Result<FetchMessage> decode_fetch(ByteView bytes) {
    if (bytes.size() != 1 + kFetchBytes || bytes[0] != kVersion) return fail("bad_message", "not a fetch of version 1");
    return FetchMessage{read_stream(bytes.subspan(1)), base::read_u64(bytes.subspan(17))};
}

}  // namespace fairstream::mqtt_bridge::replicate
