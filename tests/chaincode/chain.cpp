#include "tests/chaincode/chain.hpp"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <stdexcept>

#include "chaincode/actors/contract.hpp"
#include "chaincode/credits/contract.hpp"
#include "chaincode/custody/contract.hpp"
#include "chaincode/governance/contract.hpp"
#include "chaincode/marketplace/contract.hpp"
#include "chaincode/schema/names.hpp"
#include "chaincode/security_manager/contract.hpp"
#include "chaincode/trust/contract.hpp"
#include "identity/crypto/merkle.hpp"
#include "identity/did/did_key.hpp"
#include "ledger/proto/wire.hpp"
#include "ledger/state/memory_state.hpp"

namespace fairstream::chaincode::tests {

namespace crypto = identity::crypto;
namespace msp = identity::msp;
namespace names = schema::names;
namespace proto = ledger::proto;
using rules::as_field;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view kChannel = "testnet";
constexpr std::uint64_t kStartUs = 1'763'700'000'000'000;

ledger::contract::Contracts all_contracts() {
    return {governance::make_contract(), credits::make_contract(),
            actors::make_contract(),     security_manager::make_contract(),
            custody::make_contract(),    marketplace::make_contract(),
            trust::make_contract()};
}

Who member(const msp::OrganisationCa& ca, msp::Role role, const std::string& name, const msp::Validity& validity) {
    auto key = SigningKey::generate();
    auto certificate = ca.issue({.role = role,
                                 .name = name,
                                 .key = key.public_key(),
                                 .dns_names = {},
                                 .ip_names = {},
                                 .validity = validity})
                           .value();
    return {.key = std::move(key), .did = {}, .certificate = std::move(certificate.der)};
}

void set_limits(proto::Limits& limits) {
    limits.set_max_block_transactions(1000);
    limits.set_max_block_bytes(4u << 20);
    limits.set_max_transaction_bytes(1u << 20);
    limits.set_block_interval_ms(1);
    limits.set_seal_after_ms(50);
    limits.set_round_timeout_ms(1000);
    limits.set_max_round_timeout_ms(10'000);
}

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
    return text;
}

}  // namespace

Who new_actor() {
    auto key = SigningKey::generate();
    auto did = identity::did::did_from_key(key.public_key());
    return {.key = std::move(key), .did = std::move(did), .certificate = {}};
}

Chain::Chain(std::size_t organisation_count, std::uint32_t threshold)
    : now_(base::from_us(kStartUs)), auditor_(new_actor()) {
    proto::ChannelConfig config;
    config.set_channel(std::string(kChannel));
    config.set_epoch(1);
    config.set_custody_threshold(threshold);
    config.set_created_at_us(kStartUs);
    set_limits(*config.mutable_limits());
    const msp::Validity validity{.from = now_ - 24h, .until = now_ + 24h * 365};
    for (std::size_t i = 1; i <= organisation_count; ++i) {
        const auto name = "org" + std::to_string(i);
        const auto ca = msp::OrganisationCa::create(name, validity).value();
        Organisation organisation{.name = name,
                                  .node = member(ca, msp::Role::kNode, name + "-node", validity),
                                  .admin = member(ca, msp::Role::kAdmin, "admin", validity),
                                  .observer = member(ca, msp::Role::kOperator, "watch", validity),
                                  .custodian = SigningKey::generate()};
        auto& entry = *config.add_organisations();
        entry.set_name(name);
        entry.set_ca_certificate(as_field(ca.certificate_der()));
        entry.set_custodian_key(as_field(organisation.custodian.public_key().compressed()));
        auto& node = *config.add_nodes();
        node.set_name(name + "-node");
        node.set_organisation(name);
        node.set_certificate(as_field(organisation.node.certificate));
        organisations_.push_back(std::move(organisation));
    }
    state_ = ledger::state::memory_state();
    private_store_ = ledger::state::memory_private();
    serve(ledger::contract::Channel::make(ledger::proto::encode(config)));
}

void Chain::serve(const Result<std::shared_ptr<const ledger::contract::Channel>>& channel) {
    if (!channel) throw std::runtime_error(channel.error().message);
    channel_ = *channel;
    const auto contracts = all_contracts();
    endorsers_.clear();
    for (std::size_t i = 0; i < channel_->endorsing_organisations(); ++i)
        endorsers_.push_back(std::make_unique<ledger::endorse::Endorser>(channel_, contracts, *state_, *private_store_,
                                                                         organisations_[i].name + "-node",
                                                                         organisations_[i].node.key));
    validator_ = std::make_unique<ledger::validate::Validator>(channel_);
}

void Chain::drop_last_organisation() {
    auto config = channel_->config();
    config.mutable_organisations()->RemoveLast();
    config.mutable_nodes()->RemoveLast();
    serve(ledger::contract::Channel::in_force(ledger::proto::encode(config)));
}

proto::ProposalRequest Chain::propose(const Who& who, std::string_view contract, std::string_view function,
                                      ByteView arguments, ByteView private_inputs, proto::Intent intent) const {
    proto::Proposal proposal;
    proposal.set_channel(channel_->name());
    proposal.set_contract(std::string(contract));
    proposal.set_function(std::string(function));
    proposal.set_arguments(as_field(arguments));
    if (who.certificate.empty())
        proposal.mutable_creator()->set_did(who.did);
    else
        proposal.mutable_creator()->set_certificate(as_field(who.certificate));
    proposal.set_intent(intent);
    proposal.set_nonce(as_field(crypto::random_bytes(16)));
    proposal.set_created_at_us(base::to_us(now_));
    proto::ProposalRequest request;
    if (!private_inputs.empty()) {
        const auto salt = crypto::random_bytes(32);
        request.set_salt(as_field(salt));
        request.set_private_inputs(as_field(private_inputs));
        proposal.set_private_hash(as_field(crypto::sha256_of({salt, private_inputs})));
    }
    auto& signed_proposal = *request.mutable_signed_proposal();
    signed_proposal.set_proposal(proposal.SerializeAsString());
    signed_proposal.set_signature(as_field(
        who.key.sign(crypto::signing_input("proposal/v1", channel_->name(), as_bytes(signed_proposal.proposal())))));
    return request;
}

Result<proto::Transaction> Chain::endorse(const Who& who, std::string_view contract, std::string_view function,
                                          ByteView arguments, ByteView private_inputs) {
    if (on_call) on_call(who, contract, function, arguments, private_inputs);
    const auto request = propose(who, contract, function, arguments, private_inputs, proto::INTENT_SUBMIT);
    proto::Transaction transaction;
    *transaction.mutable_signed_proposal() = request.signed_proposal();
    for (const auto& endorser : endorsers_) {
        FS_ASSIGN(auto endorsed, endorser->endorse(request, now_));
        if (transaction.endorsements_size() > 0 && transaction.result() != endorsed.result())
            return fail("endorsers_differ", "two endorsers found different results");
        transaction.set_result(endorsed.result());
        *transaction.add_endorsements() = endorsed.endorsement();
    }
    return transaction;
}

Status Chain::simulate(const Who& who, std::string_view contract, std::string_view function, ByteView arguments,
                       ByteView private_inputs) {
    FS_TRY(endorsers_.front()->endorse(
        propose(who, contract, function, arguments, private_inputs, proto::INTENT_SUBMIT), now_));
    return {};
}

proto::Block Chain::next_block(const std::vector<proto::Transaction>& transactions) {
    proto::Block block;
    std::vector<Hash> leaves;
    for (const auto& transaction : transactions) {
        block.add_transactions(transaction.SerializeAsString());
        leaves.push_back(crypto::merkle_leaf(as_bytes(block.transactions(block.transactions_size() - 1))));
    }
    now_ += 1ms;
    proto::BlockHeader header;
    header.set_channel(channel_->name());
    header.set_height(height() + 1);
    header.set_previous_hash(as_field(height() == 0 ? channel_->genesis_hash() : block_hash(height())));
    header.set_transactions_root(as_field(crypto::merkle_root(leaves)));
    header.set_time_us(base::to_us(now_));
    header.set_config_epoch(1);
    block.set_header(header.SerializeAsString());
    return block;
}

std::vector<proto::ValidationCode> Chain::commit(const std::vector<proto::Transaction>& transactions) {
    const auto block = next_block(transactions);
    auto done = validator_->validate(*state_->snapshot(), block).value();
    for (const auto& committed : done.committed) {
        const auto missing = private_store_->commit(committed.id, committed.private_writes).value();
        if (!missing.empty()) throw std::runtime_error("a private value was not staged");
    }
    if (const auto applied = state_->apply(done.batch); !applied) throw std::runtime_error(applied.error().message);
    events_.clear();
    for (auto& committed : done.committed)
        for (auto& event : committed.events) events_.push_back(std::move(event));
    check_conservation();
    std::vector<proto::ValidationCode> codes;
    for (const auto& outcome : done.outcomes) codes.push_back(outcome.code());
    return codes;
}

Result<Bytes> Chain::submit(const Who& who, std::string_view contract, std::string_view function, ByteView arguments,
                            ByteView private_inputs) {
    FS_ASSIGN(const auto transaction, endorse(who, contract, function, arguments, private_inputs));
    const auto code = commit({transaction}).front();
    if (code != proto::VALID) return fail(lower(proto::ValidationCode_Name(code)), "the validator refused it");
    FS_ASSIGN(const auto result, proto::decode<proto::ProposalResult>(transaction.result()));
    return to_bytes(std::string_view(result.response()));
}

Result<Bytes> Chain::query(const Who& who, std::string_view contract, std::string_view function, ByteView arguments) {
    const auto request = propose(who, contract, function, arguments, {}, proto::INTENT_QUERY);
    FS_ASSIGN(const auto reply, endorsers_.front()->evaluate(request, now_));
    return to_bytes(std::string_view(reply.response()));
}

Hash Chain::block_hash(std::uint64_t height) const {
    return state_->snapshot()->block_hash(height).value().value();
}

schema::AuditReply Chain::audit() {
    return query<schema::AuditReply>(auditor_, names::contract::kCredits, names::credits::kAudit,
                                     schema::AuditRequest{})
        .value();
}

void Chain::check_conservation() {
    const auto books = audit();
    std::int64_t sum = 0;
    for (const auto& account : books.accounts()) sum += account.amount_micro();
    for (const auto& escrow : books.escrows()) sum += escrow.amount_micro();
    if (sum != books.sum_micro() || sum != books.supply_micro())
        throw std::runtime_error("credits were made or lost in block " + std::to_string(height()));
}

}  // namespace fairstream::chaincode::tests
