#include "marketplace_dapp/events/projection.hpp"

#include <boost/json/serialize.hpp>

#include "base/encoding.hpp"
#include "chaincode/schema/actors.pb.h"
#include "chaincode/schema/custody.pb.h"
#include "chaincode/schema/events.pb.h"
#include "chaincode/schema/governance.pb.h"
#include "chaincode/schema/marketplace.pb.h"
#include "chaincode/schema/names.hpp"
#include "chaincode/schema/security_manager.pb.h"
#include "identity/crypto/frame.hpp"
#include "identity/msp/certificate.hpp"
#include "ledger/proto/wire.hpp"
#include "marketplace_dapp/client/record_json.hpp"
#include "marketplace_dapp/events/chain_events.hpp"

namespace fairstream::marketplace_dapp::events {

namespace json = boost::json;
namespace names = chaincode::schema::names;
namespace proto = ledger::proto;
namespace schema = chaincode::schema;

namespace {

constexpr std::size_t kMaxNameBytes = 64;
constexpr std::size_t kMaxCreatorBytes = 300;
constexpr std::size_t kMaxReasonBytes = 500;
constexpr double kPerDegree = 1e7;

/// Text from a transaction that nobody checked: control characters become '?', what exceeds `max_bytes` is cut.
std::string harmless(const std::string& text, std::size_t max_bytes) {
    auto end = std::min(text.size(), max_bytes);
    while (end < text.size() && end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80)
        --end;  // whole runes
    auto out = text.substr(0, end);
    for (auto& c : out)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    return out;
}

/// The DID, or "org:<organisation>/<name>" of a member's certificate.
std::string creator_of(const proto::Proposal& proposal) {
    const auto& creator = proposal.creator();
    if (creator.has_did()) return harmless(creator.did(), kMaxCreatorBytes);
    const auto certificate = identity::msp::MemberCertificate::from_der(as_bytes(creator.certificate()));
    if (!certificate) return {};
    return harmless("org:" + certificate->org + "/" + certificate->name, kMaxCreatorBytes);
}

/// What full-text search finds beside title and description.
std::string words_of(const schema::OfferDraft& draft) {
    std::string words = draft.topic();
    for (auto& c : words)
        if (c == '/' || c == '-' || c == '_' || c == '.') c = ' ';
    for (const auto& tag : draft.tags()) words += " " + tag;
    return words;
}

json::object row_of(const schema::Operator& entry) {
    return {{"name", entry.name()},
            {"organisation", entry.organisation()},
            {"did", entry.did()},
            {"mqtt_url", entry.mqtt_url()},
            {"https_url", entry.https_url()},
            {"region", entry.region()},
            {"capacity_bytes", entry.capacity_bytes()},
            {"active", entry.active()}};
}

}  // namespace

Status Projector::add(const SealedBlock& block) {
    FS_ASSIGN(const auto header, proto::decode<proto::BlockHeader>(block.block.header()));
    if (header.height() != block.height ||
        block.fates.size() != static_cast<std::size_t>(block.block.transactions_size()))
        return fail("malformed", "block " + std::to_string(block.height) + " says another height");
    if (!previous_hash_.empty() && client::hex_of(header.previous_hash()) != previous_hash_)
        return fail("broken_chain", "block " + std::to_string(block.height) +
                                        " does not follow the block that the read model ends with");
    now_.height = block.height;
    now_.block_hash = previous_hash_ = base::to_hex(identity::crypto::sha256(as_bytes(block.block.header())));
    now_.blocks.push_back({{"height", header.height()},
                           {"hash", now_.block_hash},
                           {"previous_hash", client::hex_of(header.previous_hash())},
                           {"time_us", header.time_us()},
                           {"proposer", harmless(header.proposer(), kMaxNameBytes)},
                           {"round", header.round()},
                           {"config_epoch", header.config_epoch()},
                           {"transactions", block.block.transactions_size()}});
    for (int i = 0; i < block.block.transactions_size(); ++i)
        add_transaction({.block = block.height, .index = i, .time_us = header.time_us()}, block.block.transactions(i),
                        block.fates[static_cast<std::size_t>(i)]);
    return {};
}

Projection Projector::take() {
    return std::exchange(now_, Projection{});
}

void Projector::add_transaction(const Place& place, const std::string& bytes, const TransactionFate& fate) {
    ++now_.transaction_count;
    json::object row{{"block", place.block}, {"position", place.index}, {"code", fate.code}};
    row["reason"] = harmless(fate.reason, kMaxReasonBytes);
    if (const auto transaction = proto::decode<proto::Transaction>(bytes)) {
        row["id"] = base::to_hex(proto::transaction_id(transaction->signed_proposal()));
        const auto proposal = proto::decode<proto::Proposal>(transaction->signed_proposal().proposal());
        if (proposal) {
            row["contract"] = harmless(proposal->contract(), kMaxNameBytes);
            row["function"] = harmless(proposal->function(), kMaxNameBytes);
            row["creator"] = creator_of(*proposal);
            row["created_at_us"] = static_cast<std::int64_t>(proposal->created_at_us() & INT64_MAX);
        }
        const auto result = proto::decode<proto::ProposalResult>(transaction->result());
        if (proposal && result && fate.code == "valid") add_effects(place, *proposal, *result);
    }
    now_.transactions.push_back(std::move(row));
}

/// What the named function answered, and the events it told of. A function's answer is trusted as far as its endorsers
/// are: the transaction is valid.
void Projector::add_effects(const Place& place, const proto::Proposal& proposal, const proto::ProposalResult& result) {
    const auto is = [&](const char* contract, const char* function) {
        return proposal.contract() == contract && proposal.function() == function;
    };
    const auto& response = result.response();
    if (is(names::contract::kActors, names::actors::kRegisterAndVerifySeller) ||
        is(names::contract::kActors, names::actors::kRegisterAndVerifyClient))
        add_actor(response);
    else if (is(names::contract::kGovernance, names::governance::kApprove))
        add_decision(proposal, result);
    else if (is(names::contract::kMarketplace, names::marketplace::kCreateOffer))
        add_offer(response);
    else if (is(names::contract::kMarketplace, names::marketplace::kRecordStreamDetails))
        add_batch(response);
    else if (is(names::contract::kMarketplace, names::marketplace::kRequestDownloadToken))
        add_purchase(place, response);
    else if (is(names::contract::kMarketplace, names::marketplace::kOpenKeyEpoch))
        add_key_epoch(response);
    else if (is(names::contract::kSecurityManager, names::security_manager::kSetEndpoints)) {
        if (const auto entry = proto::decode<schema::Operator>(response))
            now_.operators[entry->name()] = row_of(*entry);
    } else if (is(names::contract::kCustody, names::custody::kDeal)) {
        if (const auto dealing = proto::decode<schema::DealingRecord>(response))
            now_.dealings.push_back({{"stream_id", dealing->stream_id()},
                                     {"key_epoch", dealing->key_epoch()},
                                     {"threshold", dealing->threshold()}});
    }
    for (int i = 0; i < result.events_size(); ++i) add_event(place, i, result.events(i));
}

void Projector::add_actor(const std::string& response) {
    const auto reply = proto::decode<schema::ActorReply>(response);
    if (!reply) return;
    const auto& actor = reply->actor();
    now_.actors[actor.did()] = {{"did", actor.did()},
                                {"public_key", client::hex_of(actor.public_key())},
                                {"seller", actor.seller()},
                                {"client", actor.client()},
                                {"credibility", actor.credibility()},
                                {"registered_at_us", actor.registered_at_us()}};
    for (const auto& held : actor.identifiers())
        now_.identifiers[actor.did() + "\n" + held.issuer() + "\n" + held.type()] = {
            {"did", actor.did()},
            {"issuer", held.issuer()},
            {"type", held.type()},
            {"weight", held.weight()},
            {"valid_until_us", held.valid_until_us()}};
}

/// The approval that carries a decision makes its calls; a later one of the same decision writes nothing.
void Projector::add_decision(const proto::Proposal& proposal, const proto::ProposalResult& result) {
    const auto reply = proto::decode<schema::ApproveReply>(result.response());
    const auto request = proto::decode<schema::ApproveRequest>(proposal.arguments());
    if (!reply || !request || !reply->executed() || result.writes_size() == 0) return;
    for (const auto& call : request->decision().calls()) {
        if (call.contract() == names::contract::kActors && call.function() == names::actors::kTrustIssuer) {
            const auto trust = proto::decode<schema::TrustIssuerRequest>(call.arguments());
            if (!trust) continue;
            const auto& issuer = trust->issuer();
            now_.issuers[issuer.did()] = {{"did", issuer.did()},
                                          {"name", issuer.name()},
                                          {"weight", issuer.weight()},
                                          {"types", json::array(issuer.types().begin(), issuer.types().end())},
                                          {"active", issuer.active()}};
        }
        if (call.contract() == names::contract::kSecurityManager &&
            call.function() == names::security_manager::kRegisterOperator) {
            const auto registered = proto::decode<schema::RegisterOperatorRequest>(call.arguments());
            if (!registered) continue;
            now_.operators[registered->operator_().name()] = row_of(registered->operator_());
        }
    }
}

void Projector::add_offer(const std::string& response) {
    const auto reply = proto::decode<schema::OfferReply>(response);
    if (!reply) return;
    const auto& offer = reply->offer();
    const auto& draft = offer.draft();
    json::object row{{"id", offer.id()},
                     {"seller", offer.seller()},
                     {"topic", draft.topic()},
                     {"mode", draft.mode()},
                     {"price_micro", draft.price_micro()},
                     {"title", draft.title()},
                     {"description", draft.description()},
                     {"words", words_of(draft)},
                     {"created_at_us", offer.created_at_us()},
                     {"stream_id", offer.stream_id()},
                     {"stream_hash", base::to_hex(identity::crypto::stream_hash(offer.stream_id()))},
                     {"body", json::serialize(client::to_json(offer))}};
    if (draft.has_place()) {
        row["latitude"] = draft.place().latitude_e7() / kPerDegree;
        row["longitude"] = draft.place().longitude_e7() / kPerDegree;
    }
    now_.offers.push_back(std::move(row));
}

void Projector::add_batch(const std::string& response) {
    const auto reply = proto::decode<schema::OfferReply>(response);
    if (!reply) return;
    const auto& offer = reply->offer();
    for (const auto& batch : reply->batches()) {
        now_.batches[offer.id() + "/" + std::to_string(batch.number())] = {
            {"offer", offer.id()}, {"number", batch.number()}, {"body", json::serialize(client::to_json(batch))}};
        now_.closed_epochs[offer.stream_id() + "/" + std::to_string(batch.key_epoch())] = {
            {"stream_id", offer.stream_id()},
            {"number", batch.key_epoch()},
            {"closed_at_us", batch.recorded_at_us()},
            {"batch", batch.number()}};
    }
}

void Projector::add_key_epoch(const std::string& response) {
    const auto reply = proto::decode<schema::OpenKeyEpochReply>(response);
    if (!reply) return;
    const auto& epoch = reply->key_epoch();
    now_.key_epochs.push_back(
        {{"stream_id", epoch.stream_id()}, {"number", epoch.number()}, {"opened_at_us", epoch.opened_at_us()}});
}

void Projector::add_purchase(const Place& place, const std::string& response) {
    const auto reply = proto::decode<schema::PurchaseReply>(response);
    if (!reply) return;
    const auto& purchase = reply->purchase();
    now_.purchases.push_back({{"id", purchase.id()},
                              {"block", place.block},
                              {"position", place.index},
                              {"offer", purchase.agreement().offer()},
                              {"buyer", purchase.buyer()},
                              {"seller", purchase.agreement().seller()},
                              {"stream_id", purchase.stream_id()},
                              {"key_epoch", purchase.batch().key_epoch()},
                              {"by_time", purchase.has_window()},
                              {"release_us", purchase.deadlines().release_us()},
                              {"refund_us", purchase.deadlines().refund_us()},
                              {"body", json::serialize(client::to_json(purchase))}});
}

void Projector::add_event(const Place& place, int number, const proto::Event& event) {
    auto told = read_event(event.contract(), event.name(), event.payload());
    now_.told.push_back({{"block", place.block},
                         {"position", place.index},
                         {"number", number},
                         {"time_us", place.time_us},
                         {"contract", harmless(event.contract(), kMaxNameBytes)},
                         {"name", harmless(event.name(), kMaxNameBytes)},
                         {"subject", harmless(told.subject, kMaxCreatorBytes)},
                         {"payload", json::serialize(told.payload)}});
    const auto is = [&](const char* contract, const char* name) {
        return event.contract() == contract && event.name() == name;
    };
    if (is(names::contract::kCredits, names::credits::kTransferred)) {
        const auto moved = proto::decode<schema::Transferred>(event.payload());
        if (!moved) return;
        now_.transfers.push_back({{"block", place.block},
                                  {"position", place.index},
                                  {"event", number},
                                  {"time_us", place.time_us},
                                  {"sender", moved->from()},
                                  {"recipient", moved->to()},
                                  {"amount_micro", moved->amount_micro()},
                                  {"memo", moved->memo()}});
        if (!moved->from().empty()) now_.balances[moved->from()] -= moved->amount_micro();
        now_.balances[moved->to()] += moved->amount_micro();
    } else if (is(names::contract::kTrust, names::trust::kTrustScored)) {
        const auto scored = proto::decode<schema::TrustScored>(event.payload());
        if (!scored) return;
        now_.scores[scored->did()] = {{"did", scored->did()},
                                      {"epoch", scored->epoch()},
                                      {"credibility", scored->credibility()},
                                      {"confidence", scored->confidence()}};
    } else if (event.contract() == names::contract::kMarketplace || event.contract() == names::contract::kCustody) {
        add_progress(event);
    }
}

/// What follows a purchase.
void Projector::add_progress(const proto::Event& event) {
    if (event.name() == names::marketplace::kPurchasePaid) {
        const auto paid = proto::decode<schema::PurchasePaid>(event.payload());
        if (!paid) return;
        auto& row = now_.progress[paid->purchase()];
        row["id"] = paid->purchase();
        row["paid_micro"] = paid->paid_micro();
        row["delivered_entries"] = paid->delivered_entries();
        row["settled"] = paid->settled();
    } else if (event.name() == names::marketplace::kPurchaseRefunded) {
        const auto refunded = proto::decode<schema::PurchaseRefunded>(event.payload());
        if (!refunded) return;
        auto& row = now_.progress[refunded->purchase()];
        row["id"] = refunded->purchase();
        row["refunded_micro"] = refunded->amount_micro();
    } else if (event.name() == names::custody::kShareReleased) {
        const auto released = proto::decode<schema::ShareReleased>(event.payload());
        if (!released) return;
        now_.releases.push_back({{"purchase", released->purchase()},
                                 {"key_epoch", released->key_epoch()},
                                 {"position", released->index()}});
    }
}

}  // namespace fairstream::marketplace_dapp::events
