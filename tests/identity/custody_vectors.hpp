#pragma once

#include <algorithm>
#include <boost/json.hpp>
#include <string>
#include <vector>

#include "base/assert.hpp"
#include "base/encoding.hpp"
#include "base/file.hpp"
#include "identity/crypto/custody.hpp"

/// tests/vectors/custody.json, and what its numbers look like as our types.
namespace custody_vectors {

using namespace fairstream;
using namespace fairstream::identity::crypto;

inline const boost::json::object& json() {
    static const boost::json::value parsed = boost::json::parse(
        as_text(base::read_file(std::string(FS_SOURCE_DIR) + "/tests/vectors/custody.json").value()));
    return parsed.as_object();
}

inline std::string text(const boost::json::value& value) {
    return std::string(value.as_string());
}

template <std::size_t N>
std::array<std::uint8_t, N> fixed(const boost::json::value& hex) {
    const Bytes bytes = base::from_hex(text(hex)).value();
    FS_ASSERT(bytes.size() == N);
    std::array<std::uint8_t, N> out{};
    std::copy(bytes.begin(), bytes.end(), out.begin());
    return out;
}
inline custody::Point point(const boost::json::value& hex) {
    return fixed<33>(hex);
}
inline custody::Scalar scalar(const boost::json::value& hex) {
    return fixed<32>(hex);
}

inline custody::DealContext context() {
    const auto& parts = json().at("context_parts").as_object();
    custody::DealContext out;
    out.network = text(parts.at("network"));
    out.stream = text(parts.at("stream"));
    out.key_epoch = parts.at("key_epoch").to_number<std::uint64_t>();
    out.seller = text(parts.at("seller"));
    out.threshold = parts.at("threshold").to_number<std::uint32_t>();
    const auto& shares = json().at("shares").as_array();
    for (std::size_t i = 0; i < shares.size(); ++i)
        out.roster.emplace_back(text(json().at("roster_orgs").at(i)),
                                point(shares[i].as_object().at("custodian_public")));
    return out;
}

inline std::vector<custody::Scalar> coefficients() {
    std::vector<custody::Scalar> out;
    for (const auto& hex : json().at("coefficients").as_array()) out.push_back(scalar(hex));
    return out;
}

inline std::vector<custody::Scalar> dealing_nonces() {
    std::vector<custody::Scalar> out;
    for (const auto& share : json().at("shares").as_array()) out.push_back(scalar(share.as_object().at("dleq_nonce")));
    return out;
}

inline SigningKey custodian(std::size_t index) {
    const auto& share = json().at("shares").as_array().at(index - 1).as_object();
    return SigningKey::from_scalar(scalar(share.at("custodian_secret"))).value();
}

inline SigningKey buyer() {
    return SigningKey::from_scalar(scalar(json().at("buyer_secret"))).value();
}

inline Bytes release_context() {
    const auto& parts = json().at("release_context_parts").as_array();
    return custody::release_context(context(), text(parts.at(1)), text(parts.at(2)));
}

inline custody::Release release(const boost::json::object& from) {
    return {point(from.at("A")), point(from.at("B")), scalar(from.at("c")), scalar(from.at("s")), scalar(from.at("u"))};
}

}  // namespace custody_vectors
