#pragma once

#include <string>
#include <string_view>

#include "security_manager/gate/session.hpp"

/// MQTT 5 enhanced authentication, method FS-POP: possession of the session's key, shown inside CONNECT itself, since
/// Paho has no AUTH packet (data-plane.md, "Tokens, sessions, the gate").
namespace fairstream::security_manager::gate {

inline constexpr std::string_view kAuthMethod = "FS-POP";
/// CONNECT's authentication data is 16-bit long.
inline constexpr std::size_t kMaxConnectProofBytes = 20u << 10;

/// The signature is over signing_input("fs-pop/v1", network, lp(operator, client id, SHA-256(token), nonce,
/// "mqtt-connect")). The nonce is the one that opening or renewing the session gave; it admits one connection.
struct ConnectProof {
    std::string token;
    Signature signature{};

    /// lp(token, signature): CONNECT's authentication data.
    Bytes encode() const;
    /// Error: bad_proof.
    static Result<ConnectProof> decode(ByteView data);
};

Bytes connect_proof_input(std::string_view network, std::string_view operator_name, std::string_view client_id,
                          const Hash& token_hash, std::string_view nonce);

ConnectProof make_connect_proof(const SigningKey& holder, std::string_view network, std::string_view operator_name,
                                std::string_view client_id, std::string_view token, std::string_view nonce);

}  // namespace fairstream::security_manager::gate
