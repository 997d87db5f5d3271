#include "tests/simulation/harness/bank.hpp"

#include "ledger/contract/configure.hpp"
#include "ledger/contract/keys.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::tests::simulation {

namespace {

constexpr std::uint64_t kAccounts = 3;  // of each kind: few, so that they are contested
constexpr std::int64_t kMost = 1'000'000;
constexpr std::uint64_t kMaxAgeUs = 60'000'000;

std::int64_t start_of(const std::string& account) {
    return account.starts_with("credits/a") ? Bank::kStart : 0;
}

struct Seen {
    std::int64_t balance = 0;
    std::optional<ledger::contract::Version> version;
};

Seen look(const ledger::state::Snapshot& state, const std::string& account) {
    const auto entry = state.get(account).value();
    if (!entry) return {start_of(account), std::nullopt};
    return {ledger::contract::decode_integer(entry->value).value(), entry->version};
}

void add_read(proto::ProposalResult& result, const std::string& key,
              const std::optional<ledger::contract::Version>& version) {
    auto& read = *result.add_reads();
    read.set_key(key);
    if (!version) return;
    read.mutable_version()->set_block(version->block);
    read.mutable_version()->set_index(version->index);
}

void add_write(proto::ProposalResult& result, const std::string& key, std::int64_t value) {
    auto& write = *result.add_writes();
    write.set_key(key);
    write.set_value(proto::as_field(ledger::contract::encode_integer(value)));
}

void add_delta(proto::ProposalResult& result, const std::string& key, std::int64_t amount) {
    auto& delta = *result.add_deltas();
    delta.set_key(key);
    delta.set_amount(amount);
    delta.set_min(Bank::kLeast);
    delta.set_max(kMost);
}

proto::Proposal proposal_of(std::string_view contract, std::string_view function, std::uint64_t created_at_us,
                            Scheduler& chance) {
    proto::Proposal proposal;
    proposal.set_channel(ordering::kChannel);
    proposal.set_contract(std::string(contract));
    proposal.set_function(std::string(function));
    proposal.mutable_creator()->set_did("did:example:client");
    proposal.set_intent(proto::INTENT_SUBMIT);
    std::string nonce(16, '\0');
    for (auto& byte : nonce) byte = static_cast<char>(chance.draw(256));
    proposal.set_nonce(nonce);
    proposal.set_created_at_us(created_at_us);
    return proposal;
}

}  // namespace

std::string Bank::transfer(const Endorser& endorser, std::uint64_t created_at_us, Scheduler& chance) {
    Wanted wanted;
    wanted.deltas = chance.chance(400);
    wanted.amount = 1 + static_cast<std::int64_t>(chance.draw(30));
    const auto from = chance.draw(kAccounts), to = (from + 1 + chance.draw(kAccounts - 1)) % kAccounts;
    const std::string kind = wanted.deltas ? "credits/d" : "credits/a";
    wanted.from = kind + std::to_string(from);
    wanted.to = kind + std::to_string(to);
    return propose(std::move(wanted), proposal_of("credits", "Transfer", created_at_us, chance), endorser);
}

std::string Bank::configure(const Endorser& endorser, const std::string& config, std::uint64_t created_at_us,
                            Scheduler& chance) {
    proto::ConfigUpdate update;
    update.set_config(config);
    auto proposal =
        proposal_of(ledger::contract::kChannelContract, ledger::contract::kConfigureFunction, created_at_us, chance);
    proposal.set_arguments(update.SerializeAsString());
    Wanted wanted;
    wanted.config = config;
    return propose(std::move(wanted), proposal, endorser);
}

std::string Bank::propose(Wanted wanted, const proto::Proposal& proposal, const Endorser& endorser) {
    wanted.created_at_us = proposal.created_at_us();
    wanted.proposal = proposal.SerializeAsString();
    proto::SignedProposal signed_proposal;
    signed_proposal.set_proposal(wanted.proposal);
    wanted.id = proto::transaction_id(signed_proposal);
    return endorse(std::move(wanted), endorser);
}

std::optional<std::string> Bank::again(const std::string& transaction, const Endorser& endorser) {
    const auto& known = wanted_.at(transaction);
    if (!known.config.empty() || newest_.at(known.id) >= endorser.epoch) return std::nullopt;
    return endorse(known, endorser);
}

std::string Bank::endorse(Wanted wanted, const Endorser& endorser) {
    wanted.epoch = newest_[wanted.id] = endorser.epoch;
    proto::ProposalResult result;
    result.set_transaction_id(proto::as_field(wanted.id));
    result.set_config_epoch(wanted.epoch);
    if (!wanted.config.empty()) {
        const std::string key(ledger::contract::kFullConfigKey);
        const auto entry = endorser.seen.get(key).value();
        if (entry) wanted.config_version = entry->version;
        add_read(result, key, wanted.config_version);
        auto& write = *result.add_writes();
        write.set_key(key);
        write.set_value(wanted.config);
    } else if (wanted.deltas) {
        add_delta(result, wanted.from, -wanted.amount);
        add_delta(result, wanted.to, wanted.amount);
    } else {
        const auto from_seen = look(endorser.seen, wanted.from), to_seen = look(endorser.seen, wanted.to);
        wanted.from_balance = from_seen.balance - wanted.amount;
        wanted.to_balance = to_seen.balance + wanted.amount;
        wanted.from_version = from_seen.version;
        wanted.to_version = to_seen.version;
        const bool from_first = wanted.from < wanted.to;  // keys rise
        add_read(result, from_first ? wanted.from : wanted.to, from_first ? from_seen.version : to_seen.version);
        add_read(result, from_first ? wanted.to : wanted.from, from_first ? to_seen.version : from_seen.version);
        add_write(result, from_first ? wanted.from : wanted.to, from_first ? wanted.from_balance : wanted.to_balance);
        add_write(result, from_first ? wanted.to : wanted.from, from_first ? wanted.to_balance : wanted.from_balance);
    }
    proto::Transaction transaction;
    transaction.mutable_signed_proposal()->set_proposal(wanted.proposal);
    transaction.set_result(result.SerializeAsString());
    auto bytes = transaction.SerializeAsString();
    wanted_.emplace(bytes, std::move(wanted));
    return bytes;
}

std::vector<std::string> Bank::all() const {
    std::vector<std::string> out;
    for (const auto& [transaction, wanted] : wanted_) out.push_back(transaction);
    return out;
}

const std::string* Bank::config_after(std::uint64_t height) const {
    const auto found = configs_.find(height);
    return found == configs_.end() ? nullptr : &found->second;
}

const std::vector<proto::ValidationCode>& Bank::expect(std::uint64_t height, const proto::Block& block) {
    if (height == expected_.size() + 1) {
        const auto time_us = proto::decode<proto::BlockHeader>(block.header())->time_us();
        std::vector<proto::ValidationCode> codes;
        for (int i = 0; i < block.transactions_size(); ++i)
            codes.push_back(apply(block.transactions(i), time_us, {height, static_cast<std::uint32_t>(i)}));
        for (int i = 0; i < block.transactions_size(); ++i) {  // in force from the next height on
            if (codes[static_cast<std::size_t>(i)] != proto::VALID) continue;
            const auto& wanted = wanted_.at(block.transactions(i));
            if (wanted.config.empty()) continue;
            ++epoch_;
            configs_[height] = wanted.config;
        }
        expected_.push_back(std::move(codes));
    }
    return expected_.at(height - 1);
}

proto::ValidationCode Bank::apply(const std::string& transaction, std::uint64_t time_us,
                                  const ledger::contract::Version& at) {
    const auto known = wanted_.find(transaction);
    if (known == wanted_.end()) return proto::MALFORMED;
    const auto& wanted = known->second;
    const auto apart = std::max(time_us, wanted.created_at_us) - std::min(time_us, wanted.created_at_us);
    if (apart > kMaxAgeUs) return proto::TIME_OUT_OF_RANGE;
    if (used_.contains(wanted.id)) return proto::DUPLICATE_ID;
    if (wanted.epoch != epoch_) return proto::STALE_CONFIG;
    used_.insert(wanted.id);
    if (wanted.config.empty()) return move(wanted, at);
    if (wanted.config_version != config_version_) return proto::READ_CONFLICT;
    config_version_ = at;
    return proto::VALID;
}

proto::ValidationCode Bank::move(const Wanted& transfer, const ledger::contract::Version& at) {
    const auto version_of = [&](const std::string& account) {
        const auto found = accounts_.find(account);
        return found == accounts_.end() ? std::optional<ledger::contract::Version>() : found->second.version;
    };
    const auto balance_of = [&](const std::string& account) {
        const auto found = accounts_.find(account);
        return found == accounts_.end() ? start_of(account) : found->second.balance;
    };
    if (!transfer.deltas) {
        if (version_of(transfer.from) != transfer.from_version || version_of(transfer.to) != transfer.to_version)
            return proto::READ_CONFLICT;
        accounts_[transfer.from] = {transfer.from_balance, at};
        accounts_[transfer.to] = {transfer.to_balance, at};
        return proto::VALID;
    }
    const auto from = balance_of(transfer.from) - transfer.amount, to = balance_of(transfer.to) + transfer.amount;
    if (from < kLeast || to > kMost) return proto::DELTA_OUT_OF_BOUNDS;
    accounts_[transfer.from] = {from, at};
    accounts_[transfer.to] = {to, at};
    return proto::VALID;
}

std::string Bank::compare(const ledger::state::Snapshot& state) const {
    std::int64_t a = 0, d = 0;
    for (std::uint64_t i = 0; i < kAccounts; ++i) {
        for (const std::string kind : {"credits/a", "credits/d"}) {
            const auto account = kind + std::to_string(i);
            const auto seen = look(state, account);
            const auto expected = accounts_.find(account);
            const auto balance = expected == accounts_.end() ? start_of(account) : expected->second.balance;
            if (seen.balance != balance)
                return account + " holds " + std::to_string(seen.balance) + ", not " + std::to_string(balance);
            (kind == "credits/a" ? a : d) += seen.balance;
        }
    }
    if (a != static_cast<std::int64_t>(kAccounts) * kStart || d != 0)
        return "credits were made or lost: " + std::to_string(a) + " and " + std::to_string(d);
    return {};
}

}  // namespace fairstream::tests::simulation
