#pragma once

#include "identity/crypto/keys.hpp"

namespace fairstream::identity::crypto {

/// True if s, as an integer, is at most half the group order: of the two values that verify, the only one accepted.
bool is_low_s(const Signature& signature);

}  // namespace fairstream::identity::crypto
