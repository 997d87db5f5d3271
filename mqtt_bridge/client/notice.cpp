#include "mqtt_bridge/client/notice.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "base/encoding.hpp"

namespace fairstream::mqtt_bridge::client {

namespace json = boost::json;

namespace {

constexpr std::size_t kMaxNotice = 4096;
constexpr std::size_t kMaxFrames = 4096;

const std::string* text(const json::object& from, std::string_view name, std::string& keep) {
    const json::value* value = from.if_contains(name);
    if (value == nullptr || !value->is_string()) return nullptr;
    keep = std::string(value->get_string());
    return &keep;
}

template <std::size_t N>
bool hex(const json::object& from, std::string_view name, std::array<std::uint8_t, N>& to) {
    std::string keep;
    if (text(from, name, keep) == nullptr) return false;
    const auto bytes = base::from_hex(keep);
    if (!bytes || bytes->size() != N) return false;
    std::ranges::copy(*bytes, to.begin());
    return true;
}

}  // namespace

std::string Notice::encode() const {
    json::object out;
    out["stream"] = base::to_hex(stream);
    if (type == Type::kExpected) {
        out["type"] = "expected";
        out["through"] = position.through;
        out["head"] = base::to_hex(position.head);
    } else {
        out["type"] = "refused";
        out["code"] = error.code;
        out["message"] = error.message;
    }
    return json::serialize(out);
}

Result<Notice> Notice::decode(std::string_view bytes) {
    boost::system::error_code error;
    if (bytes.size() > kMaxNotice) return fail("bad_notice", "a notice has at most 4 KiB");
    const json::value value = json::parse(bytes, error);
    if (error || !value.is_object()) return fail("bad_notice", "a notice is a JSON object");
    const json::object& from = value.get_object();
    Notice out;
    std::string type;
    if (text(from, "type", type) == nullptr || !hex(from, "stream", out.stream))
        return fail("bad_notice", "a notice has a type and a stream");
    if (type == "refused") {
        out.type = Type::kRefused;
        if (text(from, "code", out.error.code) == nullptr || text(from, "message", out.error.message) == nullptr)
            return fail("bad_notice", "a refusal has a code and a message");
        return out;
    }
    const json::value* through = from.if_contains("through");
    boost::system::error_code wrong;
    if (through != nullptr) out.position.through = through->to_number<std::uint64_t>(wrong);
    if (type != "expected" || through == nullptr || wrong || !hex(from, "head", out.position.head))
        return fail("bad_notice", "a notice is 'refused', or 'expected' with through and head");
    return out;
}

Bytes RangeRequest::encode() const {
    Bytes out;
    base::append_u64(out, from);
    base::append_u32(out, limit);
    return out;
}

Result<RangeRequest> RangeRequest::decode(ByteView bytes) {
    if (bytes.size() != 12) return fail("bad_request", "a range request has 12 bytes: u64 from, u32 limit");
    const RangeRequest out{base::read_u64(bytes), base::read_u32(bytes.subspan(8))};
    if (out.from == 0 || out.limit == 0) return fail("bad_request", "a range begins at 1 or later and is not empty");
    return out;
}

void append_frame(Bytes& to, ByteView frame) {
    base::append_u32(to, static_cast<std::uint32_t>(frame.size()));
    append(to, frame);
}

Result<std::vector<Bytes>> split_frames(ByteView bytes) {
    std::vector<Bytes> out;
    while (!bytes.empty()) {
        if (bytes.size() < 4 || bytes.size() - 4 < base::read_u32(bytes) || out.size() == kMaxFrames)
            return fail("bad_answer", "not a list of at most 4096 frames");
        const std::size_t size = base::read_u32(bytes);
        out.push_back(to_bytes(bytes.subspan(4, size)));
        bytes = bytes.subspan(4 + size);
    }
    return out;
}

}  // namespace fairstream::mqtt_bridge::client
