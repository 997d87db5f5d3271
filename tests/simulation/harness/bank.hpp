#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ledger/state/state.hpp"
#include "tests/simulation/harness/scheduler.hpp"
#include "tests/support/ordering/members.hpp"

namespace fairstream::tests::simulation {

namespace proto = ledger::proto;
using identity::crypto::Hash;

/// Simple transfers between accounts, config transactions, and what they must come to: a second, plain reading of the
/// rules that the validator is held against. Accounts of kind a are read and written, of kind d they change by deltas.
/// An account that was never written holds kStart (a) or nothing (d).
class Bank {
public:
    static constexpr std::int64_t kStart = 1000;
    static constexpr std::int64_t kLeast = -50;  // of a d account

    /// What an endorser goes by.
    struct Endorser {
        const ledger::state::Snapshot& seen;
        std::uint64_t epoch = 1;
    };
    /// A client asks a node for a transfer; the answer is a Transaction.
    std::string transfer(const Endorser& endorser, std::uint64_t created_at_us, Scheduler& chance);
    /// Admins want this ChannelConfig.
    std::string configure(const Endorser& endorser, const std::string& config, std::uint64_t created_at_us,
                          Scheduler& chance);
    /// The same proposal endorsed once more, since the config has changed; nothing if somebody has done so for that
    /// epoch, and for a config transaction, which can only be meant for one.
    std::optional<std::string> again(const std::string& transaction, const Endorser& endorser);

    bool knows(const std::string& transaction) const { return wanted_.contains(transaction); }
    std::vector<std::string> all() const;  // transactions
    const Hash& id_of(const std::string& transaction) const { return wanted_.at(transaction).id; }
    std::uint64_t epoch_of(const std::string& transaction) const { return wanted_.at(transaction).epoch; }

    /// The codes of the block's transactions, applied after all blocks before; each height once, in order.
    const std::vector<proto::ValidationCode>& expect(std::uint64_t height, const proto::Block& block);
    /// The config that the block of `height` brought; nothing if it brought none.
    const std::string* config_after(std::uint64_t height) const;
    /// What is wrong with this state, if it is not what the expected blocks come to; empty otherwise. Credits are
    /// neither made nor lost.
    std::string compare(const ledger::state::Snapshot& state) const;

private:
    struct Wanted {
        Hash id{};
        std::string proposal;
        std::uint64_t epoch = 1;  // of the endorsement
        std::string config;       // of a config transaction; the rest is a transfer's
        std::optional<ledger::contract::Version> config_version;
        std::string from, to;
        std::int64_t amount = 0;
        bool deltas = false;
        std::int64_t from_balance = 0, to_balance = 0;  // as read
        std::optional<ledger::contract::Version> from_version, to_version;
        std::uint64_t created_at_us = 0;
    };
    struct Account {
        std::int64_t balance = 0;
        ledger::contract::Version version;
    };
    std::string propose(Wanted wanted, const proto::Proposal& proposal, const Endorser& endorser);
    std::string endorse(Wanted wanted, const Endorser& endorser);
    proto::ValidationCode apply(const std::string& transaction, std::uint64_t time_us,
                                const ledger::contract::Version& at);
    proto::ValidationCode move(const Wanted& wanted, const ledger::contract::Version& at);

    std::map<std::string, Wanted> wanted_;  // by Transaction
    std::map<Hash, std::uint64_t> newest_;  // by id: the newest epoch for which it was endorsed
    // As they must be now:
    std::map<std::string, Account> accounts_;
    std::set<Hash> used_;
    std::uint64_t epoch_ = 1;
    std::optional<ledger::contract::Version> config_version_;
    std::map<std::uint64_t, std::string> configs_;              // by the height of the block that brought them
    std::vector<std::vector<proto::ValidationCode>> expected_;  // by height - 1
};

}  // namespace fairstream::tests::simulation
