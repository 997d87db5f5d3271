#include "mqtt_bridge/client/notice.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "base/encoding.hpp"

namespace fairstream::mqtt_bridge::client {

namespace json = boost::json;

namespace {

constexpr std::size_t kMaxNotice = 4096;
constexpr std::size_t kMaxFrames = 4096;
constexpr std::array<std::string_view, 5> kTypes{"expected", "refused", "receipt_wanted", "window_over", "expiring"};

const std::string* text(const json::object& from, std::string_view name, std::string& keep) {
    const json::value* value = from.if_contains(name);
    if (value == nullptr || !value->is_string()) return nullptr;
    keep = std::string(value->get_string());
    return &keep;
}

bool number(const json::object& from, std::string_view name, std::uint64_t& to) {
    const json::value* value = from.if_contains(name);
    boost::system::error_code wrong;
    if (value != nullptr) to = value->to_number<std::uint64_t>(wrong);
    return value != nullptr && !wrong;
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
    out["type"] = kTypes[static_cast<std::size_t>(type)];
    switch (type) {
        case Type::kExpected:
            out["through"] = position.through;
            out["head"] = base::to_hex(position.head);
            break;
        case Type::kRefused:
            out["code"] = error.code;
            out["message"] = error.message;
            break;
        case Type::kReceiptWanted:
        case Type::kWindowOver:
            out["sequence"] = sequence;
            break;
        case Type::kExpiring:
            out["expires"] = base::to_us(expires);
            break;
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
    const auto known = std::ranges::find(kTypes, type);
    if (known == kTypes.end()) return fail("bad_notice", "a notice of an unknown type");
    out.type = static_cast<Type>(known - kTypes.begin());
    std::uint64_t expires_us = 0;
    bool good = false;
    switch (out.type) {
        case Type::kExpected:
            good = number(from, "through", out.position.through) && hex(from, "head", out.position.head);
            break;
        case Type::kRefused:
            good = text(from, "code", out.error.code) != nullptr && text(from, "message", out.error.message) != nullptr;
            break;
        case Type::kReceiptWanted:
        case Type::kWindowOver:
            good = number(from, "sequence", out.sequence);
            break;
        case Type::kExpiring:
            good = number(from, "expires", expires_us) && expires_us < (std::uint64_t{1} << 62);
            break;
    }
    if (!good) return fail("bad_notice", "a notice of type " + type + " lacks a member");
    out.expires = base::from_us(expires_us);
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
