#pragma once

#include "identity/crypto/keys.hpp"

namespace fairstream::marketplace_dapp::client {

/// The fresh key Q of one purchase, derived from the buyer's own key and the request id: whoever holds the buyer's key
/// file can always open what it bought, and nothing else needs to be kept (docs/adr/0003).
identity::crypto::SigningKey purchase_key(const identity::crypto::SigningKey& buyer, std::string_view request_id);

}  // namespace fairstream::marketplace_dapp::client
