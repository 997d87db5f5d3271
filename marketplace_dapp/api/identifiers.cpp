#include "marketplace_dapp/api/identifiers.hpp"

#include <algorithm>

namespace fairstream::marketplace_dapp::api {

namespace {

constexpr std::size_t kIdDigits = 32;
constexpr std::size_t kTransactionIdDigits = 64;
constexpr std::size_t kMaxAccountBytes = 300;

bool is_hex(const std::string& text, std::size_t digits) {
    return text.size() == digits && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
           });
}

}  // namespace

bool is_record_id(const std::string& text) {
    return is_hex(text, kIdDigits);
}

bool is_transaction_id(const std::string& text) {
    return is_hex(text, kTransactionIdDigits);
}

bool is_account(const std::string& text) {
    return !text.empty() && text.size() <= kMaxAccountBytes &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

tl::unexpected<Error> no_such(const std::string& what, const std::string& id) {
    return fail("not_found", "no " + what + " " + (is_account(id) ? id.substr(0, 100) : "of that name"));
}

}  // namespace fairstream::marketplace_dapp::api
