#pragma once

#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "tests/simulation/harness/bank.hpp"
#include "tests/support/ordering/members.hpp"

namespace fairstream::tests::simulation {

namespace order = ledger::order;

/// What a rule says was broken, by whom, where.
struct Violation : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Watches what honest members send, decide and apply, and throws at the first thing that ledger.md forbids. It shares
/// no rule with the code it judges: it counts, compares and computes leaders in its own way, and reads who votes at
/// which height out of the decided blocks.
class Oracle {
public:
    /// `config`: of genesis, as the one in a config transaction (Epoch::config).
    Oracle(const std::string& config, Bank& bank);

    /// This message reached `member`.
    void delivered(std::size_t member, const proto::SignedOrderMessage& message);
    /// An honest member sends its own vote. `durable`: the last position its guard knows. `tip`: of its chain.
    void voted(std::size_t member, const proto::SignedOrderMessage& message, const order::Position& durable,
               const order::Tip& tip);
    void decided(std::size_t member, const order::Decided& decision, const order::Tip& tip);
    /// The outcomes' codes, and all that the block changed in the state.
    void applied(std::size_t member, const proto::Block& block, const std::vector<proto::Outcome>& outcomes,
                 const ledger::state::Batch& batch);
    [[noreturn]] void violated(const std::string& rule, const std::string& what) const;

    std::uint64_t height() const { return decided_.size(); }
    std::uint64_t newest_epoch() const { return epochs_.back().number; }  // of the next block
    const std::string& leader(std::uint64_t height, std::uint32_t round);

private:
    struct Absence {
        std::uint64_t until = 0;
        std::uint64_t span = 0;
    };
    using Skipped = std::map<std::string, Absence>;
    struct Voter {
        std::string name;
        std::string signer;  // whose stub signatures count
    };
    struct Electorate {
        std::uint64_t number = 0;
        std::uint64_t from = 0;  // height
        std::vector<Voter> voters;

        std::size_t quorum() const;
        const Voter* voter(const std::string& name) const;
        /// Signed by one of them in this epoch.
        bool genuine(const proto::SignedOrderMessage& message, const proto::OrderMessage& body) const;
    };
    using Key = std::tuple<std::uint64_t, std::uint32_t, std::string>;  // height, round, block hash
    using Votes = google::protobuf::RepeatedPtrField<proto::SignedOrderMessage>;

    void check_voter(std::size_t member, const proto::SignedOrderMessage& message, const proto::OrderMessage& body);
    void check_order(std::size_t member, const order::Position& at, const std::string& body,
                     const order::Position& durable);
    void check_prepare(std::size_t member, const proto::Prepare& prepare, const order::Tip& tip);
    std::string why_not(const proto::SignedOrderMessage& message, const order::Tip& tip);
    std::string why_not_justified(const proto::Propose& propose, bool& fresh);
    void check_commit(std::size_t member, const proto::Commit& commit);
    void check_round_change(std::size_t member, const proto::RoundChange& change);
    std::size_t genuine(const Votes& votes, const order::Position& at, const std::string& block_hash) const;
    const Skipped& skipped(std::uint64_t height);
    const std::string& leader(const Skipped& skipped, std::uint64_t height, std::uint32_t round) const;
    void begin_epoch(std::uint64_t from, const std::string& config);
    const Electorate& electorate(std::uint64_t height) const;

    std::vector<Electorate> epochs_;
    Bank& bank_;
    std::map<std::pair<std::size_t, order::Position>, std::string> bodies_;
    std::map<std::size_t, order::Position> newest_;
    std::map<std::pair<std::size_t, Key>, std::vector<proto::SignedOrderMessage>> proposals_;  // that reached a member
    std::map<std::pair<std::size_t, Key>, Votes> prepares_;                                    // that reached it
    std::map<std::pair<std::size_t, std::uint64_t>, std::uint32_t> committed_round_;
    struct Decision {
        Hash hash{};
        std::string block;
        std::string effects;  // of the first to apply it
    };
    std::vector<Decision> decided_;  // by height - 1
    std::vector<Skipped> skipped_;   // by height - 1: in force at that height
};

}  // namespace fairstream::tests::simulation
