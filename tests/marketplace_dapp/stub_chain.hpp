#pragma once

#include <fmt/format.h>

#include <condition_variable>
#include <map>
#include <mutex>

#include "chaincode/schema/actors.pb.h"
#include "chaincode/schema/events.pb.h"
#include "chaincode/schema/governance.pb.h"
#include "chaincode/schema/marketplace.pb.h"
#include "ledger/proto/wire.hpp"
#include "marketplace_dapp/events/chain_source.hpp"

namespace fairstream::tests {

namespace schema = chaincode::schema;

constexpr std::uint64_t kBlockTimeUs = 1'800'000'000'000'000;

/// What a contract answered and told, as it lies in a block.
struct Done {
    std::string contract, function;
    std::string response;
    std::vector<ledger::proto::Event> events;
    std::string arguments;
    bool writes = true;
    std::string code = "valid";
};

template <typename Payload>
ledger::proto::Event event(const std::string& contract, const std::string& name, const Payload& payload) {
    ledger::proto::Event out;
    out.set_contract(contract);
    out.set_name(name);
    out.set_payload(payload.SerializeAsString());
    return out;
}

inline ledger::proto::Event transferred(const std::string& from, const std::string& to, std::int64_t amount) {
    schema::Transferred moved;
    moved.set_from(from);
    moved.set_to(to);
    moved.set_amount_micro(amount);
    return event("credits", "Transferred", moved);
}

/// A chain in memory; blocks are added from any thread.
class StubChain final : public marketplace_dapp::events::ChainSource {
public:
    std::uint64_t add(const std::vector<Done>& transactions) {
        const std::lock_guard lock(mutex_);
        marketplace_dapp::events::SealedBlock block;
        block.height = blocks_.size() + 1;
        for (const auto& one : transactions) {
            *block.block.add_transactions() = transaction(one);
            block.fates.push_back({.code = one.code, .reason = one.code == "valid" ? "" : "said so"});
        }
        ledger::proto::BlockHeader header;
        header.set_channel("test");
        header.set_height(block.height);
        header.set_previous_hash(previous_hash_);
        header.set_time_us(kBlockTimeUs + block.height * 1'000'000);
        header.set_proposer("node1.org1");
        header.set_transactions_root(
            ledger::proto::as_field(identity::crypto::sha256(as_bytes(block.block.SerializeAsString()))));
        block.block.set_header(header.SerializeAsString());
        previous_hash_ = ledger::proto::as_field(identity::crypto::sha256(as_bytes(block.block.header())));
        blocks_.push_back(std::move(block));
        changed_.notify_all();
        return blocks_.size();
    }

    void follow(std::uint64_t height) override { next_ = height + 1; }
    Result<std::optional<marketplace_dapp::events::SealedBlock>> next(std::chrono::milliseconds wait) override {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, wait, [this] { return stopped_ || next_ <= blocks_.size(); });
        if (stopped_ || next_ > blocks_.size()) return std::nullopt;
        return blocks_[next_++ - 1];
    }
    std::uint64_t sealed_height() const override {
        const std::lock_guard lock(mutex_);
        return blocks_.size();
    }
    void stop() override {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
        changed_.notify_all();
    }
    /// The next block stands on another one than the last.
    void fork() {
        const std::lock_guard lock(mutex_);
        previous_hash_ = std::string(32, 'f');
    }
    /// For the next engine.
    void resume() { stopped_ = false; }

private:
    std::string transaction(const Done& one) {
        ledger::proto::Proposal proposal;
        proposal.set_channel("test");
        proposal.set_contract(one.contract);
        proposal.set_function(one.function);
        proposal.set_arguments(one.arguments);
        proposal.mutable_creator()->set_did("did:key:someone");
        proposal.set_nonce(std::to_string(++made_));
        ledger::proto::ProposalResult result;
        result.set_response(one.response);
        if (one.writes) result.add_writes()->set_key("k");
        for (const auto& told : one.events) *result.add_events() = told;
        ledger::proto::Transaction out;
        out.mutable_signed_proposal()->set_proposal(proposal.SerializeAsString());
        out.set_result(result.SerializeAsString());
        return out.SerializeAsString();
    }

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<marketplace_dapp::events::SealedBlock> blocks_;
    std::string previous_hash_ = std::string(32, 'g');
    std::uint64_t made_ = 0;
    std::uint64_t next_ = 1;
    bool stopped_ = false;
};

inline std::string offer_id(int number) {
    return fmt::format("{:032}", number);
}

struct Listed {
    int number = 1;
    std::string seller = "did:key:seller";
    std::string topic = "city/air";
    std::int64_t price_micro = 1'000'000;
    std::string title = "Readings";
    std::optional<std::pair<double, double>> place{};  // latitude, longitude
};

inline Done list(const Listed& what) {
    schema::OfferReply reply;
    auto& offer = *reply.mutable_offer();
    offer.set_id(offer_id(what.number));
    offer.set_seller(what.seller);
    offer.set_created_at_us(kBlockTimeUs + static_cast<std::uint64_t>(what.number));
    auto& draft = *offer.mutable_draft();
    draft.set_topic(what.topic);
    draft.set_mode("one-off");
    draft.set_price_micro(what.price_micro);
    draft.set_title(what.title);
    if (what.place) {
        draft.mutable_place()->set_latitude_e7(static_cast<std::int32_t>(what.place->first * 1e7));
        draft.mutable_place()->set_longitude_e7(static_cast<std::int32_t>(what.place->second * 1e7));
    }
    schema::OfferCreated told;
    told.set_offer(offer.id());
    return {.contract = "marketplace",
            .function = "CreateOffer",
            .response = reply.SerializeAsString(),
            .events = {event("marketplace", "OfferCreated", told)},
            .arguments = {}};
}

inline Done trust_issuer(const std::string& did, bool active) {
    schema::TrustIssuerRequest trust;
    trust.mutable_issuer()->set_did(did);
    trust.mutable_issuer()->set_name("issuer");
    trust.mutable_issuer()->set_weight(1'000'000);
    trust.mutable_issuer()->set_active(active);
    schema::ApproveRequest request;
    auto& call = *request.mutable_decision()->add_calls();
    call.set_contract("actors");
    call.set_function("TrustIssuer");
    call.set_arguments(trust.SerializeAsString());
    schema::ApproveReply reply;
    reply.set_executed(true);
    return {.contract = "governance",
            .function = "Approve",
            .response = reply.SerializeAsString(),
            .events = {},
            .arguments = request.SerializeAsString()};
}

inline Done register_seller(const std::string& did, const std::string& issuer, std::uint64_t valid_until_us) {
    schema::ActorReply reply;
    auto& actor = *reply.mutable_actor();
    actor.set_did(did);
    actor.set_seller(true);
    actor.set_credibility(500'000);
    if (!issuer.empty()) {
        auto& held = *actor.add_identifiers();
        held.set_issuer(issuer);
        held.set_type("VerifiedSeller");
        held.set_weight(1'000'000);
        held.set_valid_until_us(valid_until_us);
    }
    return {.contract = "actors",
            .function = "RegisterAndVerifySeller",
            .response = reply.SerializeAsString(),
            .events = {},
            .arguments = {}};
}

}  // namespace fairstream::tests
