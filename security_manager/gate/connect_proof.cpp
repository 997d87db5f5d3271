#include "security_manager/gate/connect_proof.hpp"

namespace fairstream::security_manager::gate {

Bytes ConnectProof::encode() const {
    return base::lp(std::string_view(token), ByteView(signature));
}

Result<ConnectProof> ConnectProof::decode(ByteView data) {
    constexpr std::size_t kLength = 4;
    const auto bad = [] { return fail("bad_proof", "the authentication data is not lp(token, signature)"); };
    if (data.size() > kMaxConnectProofBytes || data.size() < 2 * kLength + std::tuple_size_v<Signature>) return bad();
    const std::size_t token_size = base::read_u32(data);
    const std::size_t rest = data.size() - 2 * kLength - std::tuple_size_v<Signature>;
    if (token_size != rest) return bad();
    const ByteView after = data.subspan(kLength + token_size);
    if (base::read_u32(after) != std::tuple_size_v<Signature>) return bad();
    ConnectProof proof;
    proof.token = base::to_string(data.subspan(kLength, token_size));
    FS_ASSIGN(proof.signature, identity::crypto::to_signature(after.subspan(kLength)));
    return proof;
}

Bytes connect_proof_input(std::string_view network, std::string_view operator_name, std::string_view client_id,
                          const Hash& token_hash, std::string_view nonce) {
    constexpr std::string_view kPurpose = "mqtt-connect";
    return identity::crypto::signing_input("fs-pop/v1", network,
                                           base::lp(operator_name, client_id, ByteView(token_hash), nonce, kPurpose));
}

ConnectProof make_connect_proof(const SigningKey& holder, std::string_view network, std::string_view operator_name,
                                std::string_view client_id, std::string_view token, std::string_view nonce) {
    const Hash hash = identity::crypto::sha256(as_bytes(token));
    return {std::string(token), holder.sign(connect_proof_input(network, operator_name, client_id, hash, nonce))};
}

}  // namespace fairstream::security_manager::gate
