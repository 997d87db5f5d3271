#include "identity/credential/shape.hpp"

#include <algorithm>
#include <boost/json/array.hpp>

#include "identity/did/did_key.hpp"

namespace fairstream::identity::credential {

namespace json = boost::json;

namespace {

constexpr std::size_t kMaxListed = 8;

}  // namespace

Result<std::vector<std::string>> text_list(const json::object& from, std::string_view name) {
    std::vector<std::string> out;
    const auto* member = from.if_contains(json_view(name));
    const auto take = [&](const json::value& value) {
        const auto* text = value.if_string();
        if (text == nullptr || text->empty() || text->size() > kMaxTextBytes) return false;
        out.emplace_back(view(*text));
        return true;
    };
    bool good = member != nullptr;
    if (good && member->is_array()) {
        const auto& array = member->get_array();
        good = !array.empty() && array.size() <= kMaxListed && std::all_of(array.begin(), array.end(), take);
    } else if (good) {
        good = take(*member);
    }
    if (!good) return fail("bad_credential", std::string(name) + " is a string, or a list of 1 to 8 strings");
    return out;
}

Status check_context(const json::object& from) {
    FS_ASSIGN(const auto contexts, text_list(from, "@context"));
    if (contexts.front() != kContextV2)
        return fail("bad_credential", "the first @context is " + std::string(kContextV2));
    return {};
}

Result<std::string> did_of(const json::object& from, std::string_view name) {
    const auto* member = from.if_contains(json_view(name));
    if (member != nullptr && member->is_object()) member = member->get_object().if_contains("id");
    const auto* text = member != nullptr ? member->if_string() : nullptr;
    if (text == nullptr || text->size() > kMaxTextBytes || !view(*text).starts_with("did:") || !is_uri(view(*text)))
        return fail("bad_credential", std::string(name) + " is a DID, or an object with a DID as id");
    return std::string(view(*text));
}

bool is_uri(std::string_view text) {
    const auto colon = text.find(':');
    return colon != std::string_view::npos && colon > 0 && colon + 1 < text.size() && text.size() <= kMaxTextBytes &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f' && c != '"'; });
}

Result<std::string> verified_signer(const jose::Jwt& jwt) {
    const auto* kid = jwt.header.if_contains("kid");
    const auto* text = kid != nullptr ? kid->if_string() : nullptr;
    if (text == nullptr || text->size() > kMaxTextBytes || view(*text).find('#') == std::string_view::npos)
        return fail("bad_credential", "the header's kid is a DID URL with the signer's key as fragment");
    FS_ASSIGN(const auto key, did::key_from_did(view(*text)));
    if (!jwt.signed_by(key)) return fail("bad_signature", "not signed by the key in kid, or changed since");
    return std::string(did::did_of_url(view(*text)));
}

}  // namespace fairstream::identity::credential
