#pragma once

#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "identity/crypto/merkle.hpp"
#include "identity/did/did_key.hpp"
#include "identity/msp/organisation_ca.hpp"
#include "ledger/contract/endorsements.hpp"
#include "ledger/endorse/endorser.hpp"
#include "ledger/proto/wire.hpp"
#include "ledger/state/memory_state.hpp"
#include "ledger/validate/validator.hpp"

/// A consortium without processes: organisations with a node each, one shared state in memory, blocks made at will. For
/// tests of the validator, of endorsement and of contracts:
///
///     Consortium market({.organisations = 4}, {std::make_shared<credits::Contract>()});
///     const Actor alice;
///     auto tx = market.endorse(alice, "credits", "Transfer", ledger::proto::encode(request));
///     CHECK(market.commit({*tx}).outcomes[0].code() == proto::VALID);
namespace fairstream::tests {

namespace crypto = identity::crypto;
namespace msp = identity::msp;
namespace proto = ledger::proto;

template <typename T>
T value_of(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().code + ": " + result.error().message);
    return std::move(*result);
}
inline void value_of(const Status& status) {
    if (!status) throw std::runtime_error(status.error().code + ": " + status.error().message);
}

/// Who proposes: an actor with a DID, or a member with a certificate.
struct Actor {
    crypto::SigningKey key = crypto::SigningKey::generate();
    std::string did = identity::did::did_from_key(key.public_key());
    Bytes certificate;  // set: proposes as a member
};

/// A contract of lambdas over plain bytes.
class LambdaContract final : public ledger::contract::Contract {
public:
    using Function = std::function<Result<Bytes>(ledger::contract::Context&, ByteView)>;

    LambdaContract(std::string name, std::map<std::string, Function, std::less<>> functions)
        : name_(std::move(name)), functions_(std::move(functions)) {}
    std::string_view name() const override { return name_; }
    Result<Bytes> invoke(ledger::contract::Context& context, std::string_view function,
                         ByteView arguments) const override {
        const auto found = functions_.find(function);
        if (found == functions_.end()) return fail("unknown_function", "no function " + std::string(function));
        return found->second(context, arguments);
    }

private:
    std::string name_;
    std::map<std::string, Function, std::less<>> functions_;
};

inline const TimePoint kStart = base::from_us(1'767'225'600'000'000);  // 2026-01-01T00:00:00Z

class Consortium {
public:
    struct Shape {
        std::size_t organisations = 4;
    };
    struct Node {
        std::string name;
        crypto::SigningKey key;
        std::unique_ptr<ledger::endorse::Endorser> endorser;
    };

    Consortium(Shape shape, ledger::contract::Contracts contracts) : config_(make_config(shape)) {
        channel_ = value_of(ledger::contract::Channel::make(config_bytes()));
        for (auto& node : nodes_)
            node.endorser = std::make_unique<ledger::endorse::Endorser>(channel_, contracts, *state_, *private_store_,
                                                                        node.name, node.key);
        parent_.hash = channel_->genesis_hash();
        parent_.time_us = config_.created_at_us();
        parent_.outcomes_root = ledger::validate::outcomes_root({});
    }

    /// A member of organisation `index` (from 0) with a certificate of its own.
    Actor member(std::size_t index, msp::Role role, const std::string& name) const {
        Actor actor;
        actor.certificate = issue(cas_.at(index), role, name, actor.key).der;
        return actor;
    }

    proto::ProposalRequest propose(const Actor& actor, std::string contract, std::string function, ByteView arguments,
                                   proto::Intent intent = proto::INTENT_SUBMIT, ByteView private_inputs = {}) {
        proto::Proposal proposal;
        proposal.set_channel(channel_->name());
        proposal.set_contract(std::move(contract));
        proposal.set_function(std::move(function));
        proposal.set_arguments(proto::as_field(arguments));
        if (actor.certificate.empty()) {
            proposal.mutable_creator()->set_did(actor.did);
        } else {
            proposal.mutable_creator()->set_certificate(proto::as_field(actor.certificate));
        }
        proposal.set_intent(intent);
        proposal.set_nonce(proto::as_field(crypto::random_bytes(16)));
        proposal.set_created_at_us(base::to_us(now));
        proto::ProposalRequest request;
        if (!private_inputs.empty()) {
            request.set_salt(proto::as_field(crypto::random_bytes(32)));
            request.set_private_inputs(proto::as_field(private_inputs));
            proposal.set_private_hash(proto::as_field(crypto::sha256_of({as_bytes(request.salt()), private_inputs})));
        }
        *request.mutable_signed_proposal() = sign(actor, proposal);
        return request;
    }

    proto::SignedProposal sign(const Actor& actor, const proto::Proposal& proposal) const {
        proto::SignedProposal out;
        out.set_proposal(proposal.SerializeAsString());
        out.set_signature(proto::as_field(
            actor.key.sign(crypto::signing_input("proposal/v1", channel_->name(), as_bytes(out.proposal())))));
        return out;
    }

    /// Endorsed by as many organisations as the policy asks. The error is the first endorser's.
    Result<proto::Transaction> endorse(const proto::ProposalRequest& request) {
        proto::Transaction transaction;
        *transaction.mutable_signed_proposal() = request.signed_proposal();
        for (std::size_t i = 0; i < channel_->endorsing_organisations(); ++i) {
            FS_ASSIGN(auto endorsed, nodes_[i].endorser->endorse(request, now));
            if (i > 0 && transaction.result() != endorsed.result()) return fail("results_differ", nodes_[i].name);
            transaction.set_result(endorsed.result());
            *transaction.add_endorsements() = endorsed.endorsement();
        }
        return transaction;
    }
    Result<proto::Transaction> endorse(const Actor& actor, std::string contract, std::string function,
                                       ByteView arguments = {}, ByteView private_inputs = {}) {
        return endorse(
            propose(actor, std::move(contract), std::move(function), arguments, proto::INTENT_SUBMIT, private_inputs));
    }

    /// Signs `transaction`'s result anew by the first `count` nodes: for results that no simulation would give.
    void endorse_as(proto::Transaction& transaction, const proto::ProposalResult& result, std::size_t count) const {
        transaction.set_result(result.SerializeAsString());
        transaction.clear_endorsements();
        const auto leaf = ledger::contract::endorsement_leaf(proto::transaction_id(transaction.signed_proposal()),
                                                             as_bytes(transaction.result()));
        const auto input = ledger::contract::endorsement_input(channel_->name(), channel_->epoch(), leaf);
        for (std::size_t i = 0; i < count; ++i) {
            auto& endorsement = *transaction.add_endorsements();
            endorsement.set_node(nodes_[i].name);
            endorsement.set_leaves(1);
            endorsement.set_signature(proto::as_field(nodes_[i].key.sign(input)));
        }
    }

    Result<Bytes> query(const Actor& actor, std::string contract, std::string function, ByteView arguments = {}) {
        const auto request = propose(actor, std::move(contract), std::move(function), arguments, proto::INTENT_QUERY);
        FS_ASSIGN(const auto reply, nodes_[0].endorser->evaluate(request, now));
        return to_bytes(as_bytes(reply.response()));
    }

    /// The next block of `transactions`, at `now` if that is later than its parent.
    proto::Block block(const std::vector<proto::Transaction>& transactions) const {
        std::vector<std::string> bytes;
        for (const auto& transaction : transactions) bytes.push_back(transaction.SerializeAsString());
        return block_of(bytes);
    }
    proto::Block block_of(const std::vector<std::string>& transactions) const {
        proto::Block out;
        std::vector<crypto::Hash> leaves;
        for (const auto& bytes : transactions) {
            leaves.push_back(crypto::merkle_leaf(as_bytes(bytes)));
            out.add_transactions(bytes);
        }
        proto::BlockHeader header;
        header.set_channel(channel_->name());
        header.set_height(parent_.height + 1);
        header.set_previous_hash(proto::as_field(parent_.hash));
        header.set_transactions_root(proto::as_field(crypto::merkle_root(leaves)));
        header.set_previous_outcomes_root(proto::as_field(parent_.outcomes_root));
        header.set_time_us(std::max(base::to_us(now), parent_.time_us + 1));
        header.set_proposer(nodes_[0].name);
        header.set_config_epoch(channel_->epoch());
        out.set_header(header.SerializeAsString());
        return out;
    }

    /// Validates and applies the next block, as a node does.
    ledger::validate::BlockResult commit(const std::vector<proto::Transaction>& transactions) {
        return commit_block(block(transactions));
    }
    ledger::validate::BlockResult commit_block(const proto::Block& next) {
        const auto header = value_of(ledger::validate::check_block(*channel_, parent_, next));
        auto result = value_of(ledger::validate::Validator(channel_).validate(*state_->snapshot(), next));
        for (const auto& committed : result.committed)
            value_of(private_store_->commit(committed.id, committed.private_writes));
        value_of(state_->apply(result.batch));
        parent_ = {header.height(), crypto::sha256(as_bytes(next.header())), header.time_us(), result.outcomes_root};
        return result;
    }

    const ledger::contract::Channel& channel() const { return *channel_; }
    std::shared_ptr<const ledger::contract::Channel> shared_channel() const { return channel_; }
    ledger::state::StateStore& state() { return *state_; }
    ledger::state::PrivateStore& private_store() { return *private_store_; }
    const std::vector<Node>& nodes() const { return nodes_; }
    const std::vector<crypto::SigningKey>& custodians() const { return custodians_; }
    const std::vector<msp::OrganisationCa>& cas() const { return cas_; }
    const ledger::validate::Parent& parent() const { return parent_; }
    proto::ChannelConfig config() const { return config_; }
    Bytes config_bytes() const { return proto::encode(config_); }

    TimePoint now = kStart + std::chrono::seconds(10);  // the clock of clients, endorsers and leaders

private:
    static msp::Validity validity() { return {kStart - std::chrono::hours(1), kStart + std::chrono::hours(24 * 365)}; }

    static msp::MemberCertificate issue(const msp::OrganisationCa& ca, msp::Role role, const std::string& name,
                                        const crypto::SigningKey& key) {
        return value_of(ca.issue({.role = role,
                                  .name = name,
                                  .key = key.public_key(),
                                  .dns_names = {},
                                  .ip_names = {},
                                  .validity = validity()}));
    }

    proto::ChannelConfig make_config(Shape shape) {
        proto::ChannelConfig config;
        config.set_channel("market");
        config.set_epoch(1);
        config.set_created_at_us(base::to_us(kStart));
        config.set_custody_threshold(static_cast<std::uint32_t>(shape.organisations / 2 + 1));
        for (std::size_t i = 1; i <= shape.organisations; ++i) {
            const std::string org = "org" + std::to_string(i);
            cas_.push_back(value_of(msp::OrganisationCa::create(org, validity())));
            custodians_.push_back(crypto::SigningKey::generate());
            auto& organisation = *config.add_organisations();
            organisation.set_name(org);
            organisation.set_ca_certificate(proto::as_field(cas_.back().certificate_der()));
            organisation.set_custodian_key(proto::as_field(custodians_.back().public_key().compressed()));

            auto& node = nodes_.emplace_back(Node{org + "-node1", crypto::SigningKey::generate(), nullptr});
            auto& entry = *config.add_nodes();
            entry.set_name(node.name);
            entry.set_organisation(org);
            entry.set_certificate(proto::as_field(issue(cas_.back(), msp::Role::kNode, node.name, node.key).der));
        }
        auto& limits = *config.mutable_limits();
        limits.set_max_block_transactions(1000);
        limits.set_max_block_bytes(8u << 20);
        limits.set_max_transaction_bytes(2u << 20);
        limits.set_block_interval_ms(20);
        limits.set_seal_after_ms(50);
        limits.set_round_timeout_ms(500);
        limits.set_max_round_timeout_ms(10'000);
        return config;
    }

    std::vector<msp::OrganisationCa> cas_;
    std::vector<crypto::SigningKey> custodians_;
    std::vector<Node> nodes_;
    proto::ChannelConfig config_;
    std::shared_ptr<const ledger::contract::Channel> channel_;
    std::unique_ptr<ledger::state::StateStore> state_ = ledger::state::memory_state();
    std::unique_ptr<ledger::state::PrivateStore> private_store_ = ledger::state::memory_private();
    ledger::validate::Parent parent_;
};

}  // namespace fairstream::tests
