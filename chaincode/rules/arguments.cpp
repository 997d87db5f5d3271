#include "chaincode/rules/arguments.hpp"

#include <algorithm>

#include "identity/did/did_key.hpp"

namespace fairstream::chaincode::rules {

namespace {

constexpr std::size_t kCompressedPoint = 33;

tl::unexpected<Error> bad(std::string_view field, std::string what) {
    return fail("bad_arguments", std::string(field) + ": " + std::move(what));
}

bool is_control(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
}

Status check_length(std::string_view field, std::string_view value, std::size_t min, std::size_t max) {
    if (value.size() >= min && value.size() <= max) return {};
    return bad(field,
               std::to_string(value.size()) + " bytes, not " + std::to_string(min) + " to " + std::to_string(max));
}

}  // namespace

Status check_text(std::string_view field, std::string_view value, std::size_t min, std::size_t max) {
    FS_TRY(check_length(field, value, min, max));
    if (std::any_of(value.begin(), value.end(), is_control)) return bad(field, "holds control characters");
    return {};
}

Status check_long_text(std::string_view field, std::string_view value, std::size_t max) {
    FS_TRY(check_length(field, value, 0, max));
    const auto refused = [](char c) { return is_control(c) && c != '\n' && c != '\r' && c != '\t'; };
    if (std::any_of(value.begin(), value.end(), refused)) return bad(field, "holds control characters");
    return {};
}

Status check_word(std::string_view field, std::string_view value, std::size_t min, std::size_t max,
                  std::string_view also) {
    FS_TRY(check_length(field, value, min, max));
    const auto allowed = [also](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || also.find(c) != std::string_view::npos;
    };
    if (!std::all_of(value.begin(), value.end(), allowed))
        return bad(field, "may hold a-z 0-9 " + std::string(also) + " only");
    return {};
}

Status check_size(std::string_view field, std::string_view bytes, std::size_t size) {
    if (bytes.size() == size) return {};
    return bad(field, std::to_string(bytes.size()) + " bytes, not " + std::to_string(size));
}

Status check_range(std::string_view field, std::int64_t value, std::int64_t min, std::int64_t max) {
    if (value >= min && value <= max) return {};
    return bad(field, std::to_string(value) + " is not between " + std::to_string(min) + " and " + std::to_string(max));
}

Status check_id(std::string_view field, std::string_view value) {
    const auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
    if (value.size() == kIdDigits && std::all_of(value.begin(), value.end(), hex)) return {};
    return bad(field, "not an id of 32 lower-case hex digits");
}

Result<identity::crypto::VerifyingKey> check_did(std::string_view field, std::string_view did) {
    if (did.size() > kMaxDidBytes || did.find('#') != std::string_view::npos) return bad(field, "not a did:key");
    auto key = identity::did::key_from_did(did);
    if (!key) return bad(field, "not a did:key of P-256: " + key.error().message);
    return std::move(*key);
}

Result<identity::crypto::VerifyingKey> check_key(std::string_view field, std::string_view point) {
    FS_TRY(check_size(field, point, kCompressedPoint));
    auto key = identity::crypto::VerifyingKey::from_sec1(as_bytes(point));
    if (!key) return bad(field, key.error().message);
    return std::move(*key);
}

std::uint32_t page_size(std::uint32_t wanted) {
    return wanted == 0 ? kUsualPage : std::min(wanted, kLargestPage);
}

}  // namespace fairstream::chaincode::rules
