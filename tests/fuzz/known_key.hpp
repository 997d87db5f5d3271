#pragma once

#include "identity/crypto/keys.hpp"

namespace fairstream::tests {

/// The same in every run, so that an input of the corpus can name it: the scalar 1.
inline const identity::crypto::SigningKey& known_key() {
    static const auto key = [] {
        Bytes scalar(32, 0);
        scalar.back() = 1;
        return *identity::crypto::SigningKey::from_scalar(scalar);
    }();
    return key;
}

}  // namespace fairstream::tests
