#pragma once

#include <string>

#include "base/result.hpp"

/// The forms of ids. An id that is malformed is one that does not exist.
namespace fairstream::marketplace_dapp::api {

/// Offers, purchases, grants: 32 lower-case hex digits.
bool is_record_id(const std::string& text);
/// 64 lower-case hex digits.
bool is_transaction_id(const std::string& text);
/// A DID or an account's name: at most 300 printable ASCII characters.
bool is_account(const std::string& text);

/// Error not_found.
tl::unexpected<Error> no_such(const std::string& what, const std::string& id);

}  // namespace fairstream::marketplace_dapp::api
