#pragma once

#include <cstdint>
#include <string_view>

#include "identity/crypto/hash.hpp"

/// What a rater commits to, and contract trust checks.
namespace fairstream::chaincode::schema {

constexpr std::size_t kRatingSaltBytes = 32;

/// SHA-256(lp(salt, purchase, ratee, u32 opinion)).
inline identity::crypto::Hash rating_commitment(ByteView salt, std::string_view purchase, std::string_view ratee,
                                                std::uint32_t opinion) {
    Bytes number;
    base::append_u32(number, opinion);
    return identity::crypto::sha256(base::lp(salt, purchase, ratee, ByteView(number)));
}

}  // namespace fairstream::chaincode::schema
