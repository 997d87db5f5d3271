#include "ledger/client/proposal.hpp"

#include <algorithm>

#include "identity/crypto/hash.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::client {

namespace crypto = identity::crypto;

namespace {
constexpr std::size_t kNonceBytes = 16;
constexpr std::size_t kSaltBytes = 32;
}  // namespace

proto::ProposalRequest make_proposal(const std::string& channel, const Identity& who, const Invocation& what,
                                     proto::Intent intent, base::TimePoint now) {
    proto::Proposal proposal;
    proposal.set_channel(channel);
    proposal.set_contract(what.contract);
    proposal.set_function(what.function);
    proposal.set_arguments(proto::as_field(what.arguments));
    if (who.certificate.empty())
        proposal.mutable_creator()->set_did(who.did);
    else
        proposal.mutable_creator()->set_certificate(proto::as_field(who.certificate));
    proposal.set_intent(intent);
    proposal.set_nonce(proto::as_field(crypto::random_bytes(kNonceBytes)));
    proposal.set_created_at_us(base::to_us(now));

    proto::ProposalRequest request;
    if (!what.private_inputs.empty()) {
        const Bytes salt = crypto::random_bytes(kSaltBytes);
        request.set_salt(proto::as_field(salt));
        request.set_private_inputs(proto::as_field(what.private_inputs));
        proposal.set_private_hash(proto::as_field(crypto::sha256_of({salt, what.private_inputs})));
    }
    auto& signed_proposal = *request.mutable_signed_proposal();
    proposal.SerializeToString(signed_proposal.mutable_proposal());
    const auto signature =
        who.key.sign(crypto::signing_input("proposal/v1", channel, as_bytes(signed_proposal.proposal())));
    signed_proposal.set_signature(proto::as_field(signature));
    return request;
}

Result<Bytes> response_of(const std::string& result_bytes, const proto::ProposalRequest& proposed) {
    const auto result = proto::decode<proto::ProposalResult>(result_bytes);
    if (!result) return fail("bad_answer", result.error().message);
    if (!std::ranges::equal(as_bytes(result->transaction_id()), proto::transaction_id(proposed.signed_proposal())))
        return fail("bad_answer", "the gateway answered with the result of another transaction");
    return to_bytes(std::string_view(result->response()));
}

}  // namespace fairstream::ledger::client
