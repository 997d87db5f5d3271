#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/chaincode/live_market.hpp"

namespace fairstream::chaincode::tests {

/// A market in which everybody, friend or foe, does whatever comes to mind, several in one block, at any time, and most
/// gladly on the very moment of a deadline. What may come of it is judged by a model that knows of the contracts only
/// who signed what, and at which block's time.
class RandomMarket {
public:
    explicit RandomMarket(std::uint64_t seed);

    /// One block of a few attempts, judged.
    void step();
    /// Everything that is left is refunded once all deadlines have passed, and nothing is left in any escrow.
    void finish();

    /// What was judged valid, by what was tried: a walk that does nothing shows nothing.
    const std::map<std::string, int>& done() const { return done_; }

private:
    static constexpr std::uint64_t kEntries = 12;  // of a batch

    /// What the model knows of a purchase.
    struct Bought {
        Who buyer;
        schema::Purchase record;                                // as it was made
        std::map<std::uint32_t, std::set<std::string>> opened;  // by key epoch: organisations that released
        std::set<std::uint64_t> signed_for;                     // in receipts that were handed in
        schema::Purchase last;                                  // as it was seen last
        bool ended = false;
    };
    struct Attempt {
        std::string what;
        std::string by;  // account
        ledger::proto::Transaction transaction;
        std::function<void(std::uint64_t block_us)> judge;  // if it was valid
    };

    std::uint64_t pick(std::uint64_t low, std::uint64_t high);
    template <typename List>
    auto& any(List& list) {
        return list[pick(0, list.size() - 1)];
    }
    bool once_in(std::uint64_t times) { return pick(1, times) == 1; }
    Who anyone();
    /// One that is `rather` what is wanted, if there are some; nullptr if nothing was bought.
    Bought* any_purchase(const std::function<bool(const Bought&)>& rather = {});
    /// Enough shares of its key are out; of time, each key epoch's come by themselves.
    static bool is_readable(const Bought& bought);
    std::int64_t any_amount(const std::string& account);

    void attempt();
    /// False if it was refused when it was endorsed.
    bool try_call(const std::string& what, const Who& who, std::string_view contract, std::string_view function,
                  const google::protobuf::Message& request, std::function<void(std::uint64_t)> judge,
                  std::function<void(const Bytes&, std::uint64_t)> learn = {});
    /// Must be refused by every endorser.
    void try_forbidden(const Who& who, std::string_view contract, std::string_view function,
                       const google::protobuf::Message& request);
    void buy_batch();
    void buy_time();
    void release();
    void release(const Bought& bought, std::size_t organisation, std::uint32_t epoch);
    void deliver();
    void refund();
    void transfer();
    void revoke();
    void steal();
    void stream_on();
    void decide();
    schema::DownloadDataStreamRequest any_receipt(const Bought& of, std::set<std::uint64_t>& entries);

    void move_time();
    void move_to_deadline(std::chrono::microseconds most);
    void commit();
    void check();
    void check_purchase(Bought& bought, const std::map<std::string, std::int64_t>& escrows);
    std::int64_t most_payable(const Bought& bought);
    void learn_purchase(const Who& buyer, const Bytes& response);

    LiveMarket market_;
    std::mt19937_64 random_;
    Who seller_;  // of batches
    schema::Offer batch_offer_;
    std::vector<std::string> batch_drawn_;
    std::vector<Who> buyers_;
    Who thief_ = new_actor();
    std::map<std::string, Bought> bought_;
    std::vector<schema::Batch> batches_;  // of the live stream
    std::vector<Attempt> block_;
    std::vector<ledger::proto::Transaction> valid_before_;
    std::map<std::string, std::int64_t> balances_;
    std::uint64_t last_block_us_ = 0;
    std::uint32_t opened_ = 0;
    std::uint32_t recorded_ = 0;
    std::uint32_t requests_ = 0;
    std::map<std::string, int> done_;
};

}  // namespace fairstream::chaincode::tests
