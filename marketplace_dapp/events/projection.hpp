#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <map>
#include <string>

#include "ledger/proto/ledger.pb.h"
#include "marketplace_dapp/events/chain_source.hpp"

namespace fairstream::marketplace_dapp::events {

/// What some blocks, one after the other, change in the read model: rows as JSON objects, whose members are named like
/// the columns (read_model.cpp). Made from what the transactions say and nothing else, so that the same blocks make the
/// same rows whenever they are read.
struct Projection {
    std::uint64_t height = 0;  // of the last block
    std::string block_hash;
    std::size_t transaction_count = 0;

    boost::json::array blocks, transactions, told, offers, dealings, key_epochs, purchases, releases, transfers;
    // Told more than once: the last one counts.
    std::map<std::string, boost::json::object> issuers, actors, identifiers, scores, operators, batches, closed_epochs,
        progress;
    std::map<std::string, std::int64_t> balances;  // what to add
};

/// No I/O. One Projection after the other: `add` blocks in order, then `take`.
class Projector {
public:
    /// `previous_hash` of the block after which it goes on; empty at the first. Errors: malformed (a block that is
    /// none), broken_chain (it does not follow the block before it).
    explicit Projector(std::string previous_hash = {}) : previous_hash_(std::move(previous_hash)) {}
    Status add(const SealedBlock& block);
    std::size_t transactions() const { return now_.transaction_count; }
    Projection take();

private:
    struct Place {
        std::uint64_t block;
        int index;
        std::uint64_t time_us;
    };
    void add_transaction(const Place& place, const std::string& bytes, const TransactionFate& fate);
    void add_effects(const Place& place, const ledger::proto::Proposal& proposal,
                     const ledger::proto::ProposalResult& result);
    void add_actor(const std::string& response);
    void add_decision(const ledger::proto::Proposal& proposal, const ledger::proto::ProposalResult& result);
    void add_offer(const std::string& response);
    void add_batch(const std::string& response);
    void add_key_epoch(const std::string& response);
    void add_purchase(const Place& place, const std::string& response);
    void add_progress(const ledger::proto::Event& event);
    void add_event(const Place& place, int number, const ledger::proto::Event& event);

    Projection now_;
    std::string previous_hash_;
};

}  // namespace fairstream::marketplace_dapp::events
