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

/// Simple transfers between accounts, and what they must come to: a second, plain reading of the rules that the
/// validator is held against. Accounts of kind a are read and written, of kind d they change by deltas. An account that
/// was never written holds kStart (a) or nothing (d).
class Bank {
public:
    static constexpr std::int64_t kStart = 1000;
    static constexpr std::int64_t kLeast = -50;  // of a d account

    /// A client looks at a node's state and asks for a transfer; the answer is a Transaction.
    std::string transfer(const ledger::state::Snapshot& seen, std::uint64_t created_at_us, Scheduler& chance);
    bool knows(const std::string& transaction) const { return transfers_.contains(transaction); }
    std::size_t count() const { return transfers_.size(); }
    std::vector<std::string> all() const;

    /// The codes of the block's transactions, applied after all blocks before; each height once, in order.
    const std::vector<proto::ValidationCode>& expect(std::uint64_t height, const proto::Block& block);
    /// Whether this transaction took effect or was refused for good in the decided blocks so far.
    bool used(const std::string& transaction) const;
    /// What is wrong with this state, if it is not what the expected blocks come to; empty otherwise. Credits are
    /// neither made nor lost.
    std::string compare(const ledger::state::Snapshot& state) const;

private:
    struct Transfer {
        Hash id{};
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
    proto::ValidationCode apply(const std::string& transaction, std::uint64_t time_us,
                                const ledger::contract::Version& at);

    std::map<std::string, Transfer> transfers_;  // by Transaction
    std::map<std::string, Account> accounts_;    // as they must be now
    std::set<Hash> used_;
    std::vector<std::vector<proto::ValidationCode>> expected_;  // by height - 1
};

}  // namespace fairstream::tests::simulation
