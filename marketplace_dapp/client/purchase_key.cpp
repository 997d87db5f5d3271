#include "marketplace_dapp/client/purchase_key.hpp"

#include "base/assert.hpp"

namespace fairstream::marketplace_dapp::client {

using identity::crypto::SigningKey;

SigningKey purchase_key(const SigningKey& buyer, std::string_view request_id) {
    // A candidate outside 1..n-1 has a chance of 2^-32; the counter then gives the next.
    for (std::uint8_t counter = 0; counter < 255; ++counter) {
        auto info = base::lp(std::string_view("fairstream/purchase-key/v1"), request_id);
        info.push_back(counter);
        const auto scalar = identity::crypto::hkdf_sha256(buyer.scalar(), {}, info, 32);
        if (auto key = SigningKey::from_scalar(scalar)) return *key;
    }
    FS_ASSERT(!"255 candidates in a row outside the group order");
    return buyer;
}

}  // namespace fairstream::marketplace_dapp::client
