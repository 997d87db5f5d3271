#include "marketplace_dapp/api/transactions.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <chrono>

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "identity/crypto/hash.hpp"
#include "identity/did/did_key.hpp"
#include "marketplace_dapp/api/functions.hpp"

namespace fairstream::marketplace_dapp::api {

namespace json = boost::json;
namespace crypto = identity::crypto;
namespace proto = ledger::proto;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMaxDepth = 32;
constexpr std::size_t kNonceBytes = 16;
constexpr std::size_t kMaxIdempotencyKey = 255;
constexpr std::size_t kMaxKeys = 10'000;
constexpr auto kSignWithin = 30s;  // endorsers refuse older proposals

Result<json::object> parse_object(const std::string& body) {
    json::parse_options options;
    options.max_depth = kMaxDepth;
    json::error_code error;
    auto value = json::parse(body, error, {}, options);
    if (error || !value.is_object()) return fail("bad_request", "the body is not a JSON object");
    return std::move(value.as_object());
}

Status only_members(const json::object& object, std::initializer_list<std::string_view> names) {
    for (const auto& member : object)
        if (std::find(names.begin(), names.end(), std::string_view(member.key())) == names.end())
            return fail("bad_request", "no such member: " + std::string(member.key()).substr(0, 64));
    return {};
}

Result<std::string> text(const json::object& object, const char* name) {
    const auto* value = object.if_contains(name);
    if (value == nullptr || !value->is_string()) return fail("bad_request", std::string(name) + ": a string");
    return std::string(value->as_string());
}

Result<Bytes> bytes(const json::object& object, const char* name) {
    FS_ASSIGN(const auto encoded, text(object, name));
    auto decoded = base::from_base64url(encoded);
    if (!decoded) return fail("bad_request", std::string(name) + ": base64url without padding");
    return decoded;
}
/// Empty if there is no such member.
Result<Bytes> optional_bytes(const json::object& object, const char* name) {
    if (!object.contains(name)) return Bytes{};
    return bytes(object, name);
}

struct Signed {
    proto::ProposalRequest request;
    proto::Proposal proposal;
    std::string id;
};

Result<Signed> read_signed(const std::string& body, const std::string& channel) {
    FS_ASSIGN(const auto object, parse_object(body));
    FS_TRY(only_members(object, {"proposal", "signature", "salt", "private_inputs"}));
    Signed out;
    FS_ASSIGN(const auto proposal, bytes(object, "proposal"));
    FS_ASSIGN(const auto signature, bytes(object, "signature"));
    FS_ASSIGN(const auto salt, optional_bytes(object, "salt"));
    FS_ASSIGN(const auto inputs, optional_bytes(object, "private_inputs"));
    FS_ASSIGN(out.proposal, proto::decode<proto::Proposal>(proposal));
    if (out.proposal.channel() != channel) return fail("bad_request", "proposal: for another channel");
    if (out.proposal.intent() != proto::INTENT_SUBMIT) return fail("bad_request", "proposal: not to be submitted");
    auto& signed_proposal = *out.request.mutable_signed_proposal();
    signed_proposal.set_proposal(proto::as_field(proposal));
    signed_proposal.set_signature(proto::as_field(signature));
    out.request.set_salt(proto::as_field(salt));
    out.request.set_private_inputs(proto::as_field(inputs));
    out.id = base::to_hex(proto::transaction_id(signed_proposal));
    return out;
}

json::value committed(const Signed& sent, std::uint64_t block, std::uint32_t position, ByteView response) {
    return json::object{{"id", sent.id},
                        {"code", "valid"},
                        {"block", block},
                        {"position", position},
                        {"response", reply_to_json(sent.proposal.contract(), sent.proposal.function(), response)}};
}

/// The answer of a transaction that was committed before.
Answer committed_before(const Signed& sent, const proto::GetTransactionReply& found) {
    if (found.outcome().code() != proto::VALID)
        return fail(
            proto::code_of(found.outcome().code()),
            "the transaction is invalid in block " + std::to_string(found.block()) + ": " + found.outcome().reason());
    FS_ASSIGN(const auto transaction, proto::decode<proto::Transaction>(found.transaction()));
    FS_ASSIGN(const auto result, proto::decode<proto::ProposalResult>(transaction.result()));
    return committed(sent, found.block(), found.index(), as_bytes(result.response()));
}

}  // namespace

Answer Transactions::prepare(const std::string& body) const {
    FS_ASSIGN(const auto object, parse_object(body));
    FS_TRY(only_members(object, {"contract", "function", "arguments", "creator", "private_hash"}));
    FS_ASSIGN(const auto contract, text(object, "contract"));
    FS_ASSIGN(const auto function, text(object, "function"));
    FS_ASSIGN(const auto creator, text(object, "creator"));
    if (const auto key = identity::did::key_from_did(creator); !key || creator.find('#') != std::string::npos)
        return fail("invalid_did", "creator: " + (key ? std::string("a DID URL, not a DID") : key.error().message));
    const auto* arguments = object.if_contains("arguments");
    if (arguments == nullptr || !arguments->is_object()) return fail("bad_request", "arguments: an object");
    FS_ASSIGN(const auto encoded, arguments_from_json(contract, function, *arguments));
    FS_ASSIGN(const auto private_hash, optional_bytes(object, "private_hash"));
    if (!private_hash.empty() && private_hash.size() != crypto::Hash{}.size())
        return fail("bad_request", "private_hash: SHA-256(32-byte salt || private inputs), 32 bytes");

    const auto& channel = client_.options().channel;
    const auto now = base::wall_now();
    proto::Proposal proposal;
    proposal.set_channel(channel);
    proposal.set_contract(contract);
    proposal.set_function(function);
    proposal.set_arguments(proto::as_field(encoded));
    proposal.mutable_creator()->set_did(creator);
    proposal.set_intent(proto::INTENT_SUBMIT);
    proposal.set_nonce(proto::as_field(crypto::random_bytes(kNonceBytes)));
    proposal.set_created_at_us(base::to_us(now));
    proposal.set_private_hash(proto::as_field(private_hash));
    const auto signed_bytes = proto::encode(proposal);
    return json::object{
        {"id", base::to_hex(crypto::sha256(signed_bytes))},
        {"channel", channel},
        {"proposal", base::to_base64url(signed_bytes)},
        {"signing_input", base::to_base64url(crypto::signing_input("proposal/v1", channel, signed_bytes))},
        {"sign_before", base::to_rfc3339(now + kSignWithin)}};
}

Answer Transactions::submit(const std::string& body, const std::optional<std::string>& idempotency_key) {
    FS_ASSIGN(const auto sent, read_signed(body, client_.options().channel));
    if (idempotency_key) FS_TRY(hold_key(*idempotency_key, sent.id));
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

Status Transactions::hold_key(const std::string& key, const std::string& id) {
    if (key.empty() || key.size() > kMaxIdempotencyKey)
        return fail("bad_idempotency_key", "Idempotency-Key: 1 to 255 characters");
    const std::lock_guard lock(mutex_);
    const auto [held, fresh] = keys_.try_emplace(key, id);
    if (held->second != id)
        return fail("idempotency_key_reused", "Idempotency-Key: it came with another transaction, " + held->second);
    if (!fresh) return {};
    oldest_keys_.push_back(key);
    if (oldest_keys_.size() <= kMaxKeys) return {};
    keys_.erase(oldest_keys_.front());
    oldest_keys_.pop_front();
    return {};
}

}  // namespace fairstream::marketplace_dapp::api
