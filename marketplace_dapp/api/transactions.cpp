#include "marketplace_dapp/api/transactions.hpp"

#include <chrono>

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "identity/crypto/hash.hpp"
#include "identity/did/did_key.hpp"
#include "marketplace_dapp/api/functions.hpp"
#include "marketplace_dapp/api/json_body.hpp"

namespace fairstream::marketplace_dapp::api {

namespace json = boost::json;
namespace crypto = identity::crypto;
namespace proto = ledger::proto;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kNonceBytes = 16;
constexpr std::size_t kSaltBytes = 32;
constexpr auto kSignWithin = 30s;  // endorsers refuse older proposals

struct Private {
    Bytes inputs, salt, hash;  // all empty: none
};

Result<Private> read_private(const json::object& object, const std::string& contract, const std::string& function) {
    Private out;
    const auto* inputs = object.if_contains("private_inputs");
    if (inputs == nullptr) {
        if (object.contains("salt")) return fail("bad_request", "salt: only with private_inputs");
        FS_ASSIGN(out.hash, optional_bytes_of(object, "private_hash"));
        if (!out.hash.empty() && out.hash.size() != crypto::Hash{}.size())
            return fail("bad_request", "private_hash: SHA-256(32-byte salt || private inputs), 32 bytes");
        return out;
    }
    if (object.contains("private_hash")) return fail("bad_request", "private_hash: not with private_inputs");
    FS_ASSIGN(out.inputs, private_inputs_from_json(contract, function, *inputs));
    FS_ASSIGN(out.salt, optional_bytes_of(object, "salt"));
    if (out.salt.empty()) out.salt = crypto::random_bytes(kSaltBytes);
    if (out.salt.size() != kSaltBytes) return fail("bad_request", "salt: 32 bytes");
    out.hash = to_bytes(ByteView(crypto::sha256_of({out.salt, out.inputs})));
    return out;
}

/// What the proposal says, for a client that encodes it itself and compares.
json::object fields_of(const proto::Proposal& proposal) {
    json::object fields{{"channel", proposal.channel()},
                        {"contract", proposal.contract()},
                        {"function", proposal.function()},
                        {"arguments", base::to_base64url(as_bytes(proposal.arguments()))},
                        {"creator", {{"did", proposal.creator().did()}}},
                        {"intent", static_cast<int>(proposal.intent())},
                        {"nonce", base::to_base64url(as_bytes(proposal.nonce()))},
                        {"created_at_us", proposal.created_at_us()}};
    if (!proposal.private_hash().empty())
        fields["private_hash"] = base::to_base64url(as_bytes(proposal.private_hash()));
    return fields;
}

}  // namespace

Answer Transactions::prepare(const std::string& body) const {
    FS_ASSIGN(const auto object, parse_object(body));
    FS_TRY(only_members(object,
                        {"contract", "function", "arguments", "creator", "private_inputs", "salt", "private_hash"}));
    FS_ASSIGN(const auto contract, text_of(object, "contract"));
    FS_ASSIGN(const auto function, text_of(object, "function"));
    FS_ASSIGN(const auto creator, text_of(object, "creator"));
    if (const auto key = identity::did::key_from_did(creator); !key || creator.find('#') != std::string::npos)
        return fail("invalid_did", "creator: " + (key ? std::string("a DID URL, not a DID") : key.error().message));
    FS_ASSIGN(const auto kind, kind_of(contract, function));
    FS_ASSIGN(const auto arguments, object_of(object, "arguments"));
    FS_ASSIGN(const auto encoded, arguments_from_json(contract, function, arguments));
    FS_ASSIGN(const auto secret, read_private(object, contract, function));

    const auto& channel = client_.options().channel;
    const auto now = base::wall_now();
    proto::Proposal proposal;
    proposal.set_channel(channel);
    proposal.set_contract(contract);
    proposal.set_function(function);
    proposal.set_arguments(proto::as_field(encoded));
    proposal.mutable_creator()->set_did(creator);
    proposal.set_intent(kind == CallKind::kQuery ? proto::INTENT_QUERY : proto::INTENT_SUBMIT);
    proposal.set_nonce(proto::as_field(crypto::random_bytes(kNonceBytes)));
    proposal.set_created_at_us(base::to_us(now));
    proposal.set_private_hash(proto::as_field(secret.hash));
    const auto signed_bytes = proto::encode(proposal);
    json::object answer{
        {"id", base::to_hex(crypto::sha256(signed_bytes))},
        {"channel", channel},
        {"proposal", base::to_base64url(signed_bytes)},
        {"fields", fields_of(proposal)},
        {"signing_input", base::to_base64url(crypto::signing_input("proposal/v1", channel, signed_bytes))},
        {"sign_before", base::to_rfc3339(now + kSignWithin)}};
    if (!secret.inputs.empty()) {
        answer["salt"] = base::to_base64url(secret.salt);
        answer["private_inputs"] = base::to_base64url(secret.inputs);
    }
    return answer;
}

Result<Transactions::Signed> Transactions::read_signed(const std::string& body) const {
    FS_ASSIGN(const auto object, parse_object(body));
    FS_TRY(only_members(object, {"proposal", "signature", "salt", "private_inputs"}));
    Signed out;
    FS_ASSIGN(const auto proposal, bytes_of(object, "proposal"));
    FS_ASSIGN(const auto signature, bytes_of(object, "signature"));
    FS_ASSIGN(const auto salt, optional_bytes_of(object, "salt"));
    FS_ASSIGN(const auto inputs, optional_bytes_of(object, "private_inputs"));
    FS_ASSIGN(out.proposal, proto::decode<proto::Proposal>(proposal));
    if (out.proposal.channel() != client_.options().channel)
        return fail("bad_request", "proposal: for another channel");
    if (out.proposal.intent() != proto::INTENT_SUBMIT) return fail("bad_request", "proposal: not to be submitted");
    auto& signed_proposal = *out.request.mutable_signed_proposal();
    signed_proposal.set_proposal(proto::as_field(proposal));
    signed_proposal.set_signature(proto::as_field(signature));
    out.request.set_salt(proto::as_field(salt));
    out.request.set_private_inputs(proto::as_field(inputs));
    out.id = base::to_hex(proto::transaction_id(signed_proposal));
    return out;
}

json::value Transactions::committed(const Signed& sent, std::uint64_t block, std::uint32_t position,
                                    ByteView response) {
    return json::object{{"id", sent.id},
                        {"code", "valid"},
                        {"block", block},
                        {"position", position},
                        {"response", reply_to_json(sent.proposal.contract(), sent.proposal.function(), response)}};
}

/// The answer of a transaction that was committed before.
Answer Transactions::committed_before(const Signed& sent, const proto::GetTransactionReply& found) {
    if (found.outcome().code() != proto::VALID)
        return fail(
            proto::code_of(found.outcome().code()),
            "the transaction is invalid in block " + std::to_string(found.block()) + ": " + found.outcome().reason());
    FS_ASSIGN(const auto transaction, proto::decode<proto::Transaction>(found.transaction()));
    FS_ASSIGN(const auto result, proto::decode<proto::ProposalResult>(transaction.result()));
    return committed(sent, found.block(), found.index(), as_bytes(result.response()));
}

Answer Transactions::submit(const std::string& body, const std::optional<std::string>& idempotency_key,
                            const std::string& traceparent) {
    FS_ASSIGN(auto sent, read_signed(body));
    sent.request.set_traceparent(traceparent);
    if (idempotency_key) FS_TRY(hold_key(*idempotency_key, sent));
    FS_ASSIGN(const auto id, base::from_hex(sent.id));
    const auto before = client_.transaction(id);
    if (before) return committed_before(sent, *before);
    if (before.error().code != "not_found") return fail(before.error());
    const auto commit = client_.submit_signed(sent.request);
    if (commit) return committed(sent, commit->block, commit->index, commit->response);
    // Sent twice at once, the other one may have won.
    if (const auto other = client_.transaction(id)) return committed_before(sent, *other);
    return fail(commit.error());
}

/// Checked before a key is held: nobody may take another's.
Status Transactions::hold_key(const std::string& key, const Signed& sent) {
    const auto& creator = sent.proposal.creator().did();
    const auto& signed_proposal = sent.request.signed_proposal();
    const auto by = identity::did::key_from_did(creator);
    const auto signature = crypto::to_signature(as_bytes(signed_proposal.signature()));
    if (!by || !signature ||
        !by->verify(crypto::signing_input("proposal/v1", sent.proposal.channel(), as_bytes(signed_proposal.proposal())),
                    *signature))
        return fail("bad_creator_signature", "not the creator's signature over the proposal");
    return keys_.hold(creator, key, sent.id, base::to_us(base::wall_now()));
}

}  // namespace fairstream::marketplace_dapp::api
