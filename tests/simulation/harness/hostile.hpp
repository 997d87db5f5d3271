#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/simulation/harness/simulation.hpp"

namespace fairstream::tests::simulation {

/// A member that lies with its own key, all that it has heard, and a replica of its own whose messages it may hold
/// back, send to some, or alter. What it does, it draws from the run's seed. Honest members' signatures it cannot make,
/// but it has their votes of another channel and of another config epoch, for any block it likes, and the keys that
/// they have replaced. It goes on when it is a member no more.
class Hostile {
public:
    /// A mutant only alters what its replica says (ByzzFuzz: small changes of one field).
    Hostile(Simulation& world, Simulation::Node& self, bool mutant) : world_(world), self_(self), mutant_(mutant) {}

    /// Its replica sends `message`.
    void say(const proto::SignedOrderMessage& message);
    /// A well-formed message reached it: remembered, and perhaps a reason to attack.
    void heard(const order::Received& received);
    /// What it answers to a node that asks for blocks.
    std::deque<proto::DecidedBlock> serve(std::uint64_t from);

private:
    using Messages = std::vector<proto::SignedOrderMessage>;
    struct Known {  // of the height that is being decided
        std::uint64_t height = 0;
        std::map<std::string, std::string> blocks;                                          // bytes by hash
        std::map<std::uint32_t, std::map<std::string, proto::SignedOrderMessage>> changes;  // by round and member, bare
        std::map<std::pair<std::uint32_t, std::string>, std::map<std::string, proto::SignedOrderMessage>> prepares,
            commits;  // by round and block
        std::uint32_t round = 0;
    };

    void attack(const order::Position& at);
    void double_vote(const order::Position& at);
    void equivocate(const proto::SignedOrderMessage& message, const proto::Propose& propose);
    void propose_two(const order::Position& at);
    void propose_unjustified(const order::Position& at);
    void propose_unbacked(std::uint32_t round);
    void change_round(const order::Position& at);
    void replay();
    void votes_from_elsewhere(const order::Position& at);
    void say_under_old_epoch(const proto::OrderMessage& body);
    void use_old_keys(const order::Position& at);
    void boast(const order::Position& at);

    proto::SignedOrderMessage mutate(const proto::SignedOrderMessage& message);
    std::string new_block(std::uint32_t round, bool odd);
    std::string some_block();
    Messages some_changes(std::uint32_t round, std::size_t count);
    Messages some_prepares(std::uint32_t round, const std::string& hash, std::size_t count);
    proto::SignedOrderMessage proposal(std::uint32_t round, const std::string& block, const Messages& changes,
                                       const Messages& prepares);
    proto::SignedOrderMessage prepared_change(std::uint32_t round, std::uint32_t prepared_round,
                                              const std::string& hash);
    const Epoch& epoch() const { return world_.in_force(self_); }
    const ledger::contract::Channel& channel() const { return *epoch().channel; }
    proto::SignedOrderMessage sign(const proto::OrderMessage& body) const;
    void send_some(const proto::SignedOrderMessage& message, int permille);
    Simulation::Node* some_other();
    bool chance(int permille) { return world_.time_.chance(permille); }
    std::size_t pick(std::size_t below) { return below == 0 ? 0 : world_.time_.draw(below); }

    Simulation& world_;
    Simulation::Node& self_;
    const bool mutant_;
    Known known_;
    std::vector<proto::SignedOrderMessage> past_;  // for replays, of any height
};

}  // namespace fairstream::tests::simulation
