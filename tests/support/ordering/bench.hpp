#pragma once

#include <catch2/catch.hpp>
#include <deque>
#include <optional>

#include "ledger/proto/wire.hpp"
#include "tests/support/ordering/members.hpp"

/// One replica at height 1 whose fellow members are played by the test.
namespace fairstream::tests::ordering {

using order::Step;
using Messages = std::vector<proto::SignedOrderMessage>;

class Bench {
public:
    /// The leader of height 1, round r is node (1 + r) mod nodes.
    explicit Bench(std::size_t self, std::size_t nodes = 4) : self_(self), nodes_(nodes) {
        tip = genesis_tip(channel());
    }

    /// Starts, or crashes and starts again with what was made durable.
    void start(order::Waiting waiting = {}) {
        replica_.emplace(members(nodes_).channel, node_name(self_), stub_sign(node_name(self_)));
        step(order::Start{tip, order::recover(log).value(), waiting});
    }
    /// With BuildBlock and CheckBlock answered at once; `done` holds all that the replica asked for meanwhile.
    void step(order::Event event) {
        done.clear();
        std::deque<order::Event> events{std::move(event)};
        for (; !events.empty(); events.pop_front()) {
            for (auto& action : replica_->step(events.front(), now)) {
                if (const auto* one = std::get_if<order::Persist>(&action)) log.push_back(one->record);
                if (const auto* one = std::get_if<order::SetTimer>(&action)) timer = one->deadline;
                if (const auto* one = std::get_if<order::CheckBlock>(&action))
                    events.push_back(order::BlockChecked{one->height, one->block_hash, verdict});
                if (const auto* one = std::get_if<order::BuildBlock>(&action)) events.push_back(build(*one));
                done.push_back(std::move(action));
            }
        }
    }
    void hear(const proto::SignedOrderMessage& message) {
        auto received = order::verify_message(channel(), message, stub_check);
        INFO((received ? std::string() : received.error().message));
        REQUIRE(received);
        step(order::Message{std::move(*received)});
    }
    void hear(const Messages& messages) {
        std::vector<order::Action> all;
        for (const auto& message : messages) {
            hear(message);
            std::move(done.begin(), done.end(), std::back_inserter(all));
        }
        done = std::move(all);
    }
    void time_out() {
        REQUIRE(timer);
        now = std::max(now, *timer);
        timer.reset();
        step(order::Tick{});
    }
    /// The decided block is stored and applied.
    void apply(order::Waiting waiting = {}) {
        const auto decisions = asked<order::Decided>();
        REQUIRE(decisions.size() == 1);
        tip = tip_after(channel(), tip, *proto::decode<proto::Block>(decisions[0].block));
        step(order::Applied{tip, waiting});
    }

    template <typename Action>
    std::vector<Action> asked() const {
        std::vector<Action> out;
        for (const auto& action : done)
            if (const auto* one = std::get_if<Action>(&action)) out.push_back(*one);
        return out;
    }
    /// Own votes of this kind that were just sent.
    std::vector<proto::OrderMessage> sent(Step kind) const {
        std::vector<proto::OrderMessage> out;
        for (const auto& action : asked<order::Broadcast>()) {
            auto body = *proto::decode<proto::OrderMessage>(action.message.body());
            if (order::position_of(body).step == kind) out.push_back(std::move(body));
        }
        return out;
    }
    Messages sent() const {
        Messages out;
        for (const auto& action : asked<order::Broadcast>()) out.push_back(action.message);
        return out;
    }
    /// The codes of what was just refused.
    std::vector<std::string> refused() const {
        std::vector<std::string> out;
        for (const auto& action : asked<order::Refused>()) out.push_back(action.error.code);
        return out;
    }

    // What others might send, at the height being decided.
    Bytes block(const std::string& transaction, std::uint32_t round = 0) const {
        return proto::encode(block_on(channel(), tip, round, {transaction}, 0));
    }
    proto::SignedOrderMessage propose(std::size_t node, std::uint32_t round, const Bytes& block,
                                      const Messages& round_changes = {}, const Messages& prepares = {}) const {
        auto body = propose_of(height(), round, *order::hash_of(block));
        for (auto one : round_changes) {
            one.clear_block();
            *body.mutable_propose()->add_round_changes() = one;
        }
        for (const auto& one : prepares) *body.mutable_propose()->add_prepares() = one;
        auto message = signed_by(channel(), node_name(node), body);
        message.set_block(proto::as_field(block));
        return message;
    }
    Messages prepares(std::uint32_t round, const Bytes& block, const std::vector<std::size_t>& nodes) const {
        return from(nodes, prepare_of(height(), round, *order::hash_of(block)));
    }
    Messages commits(std::uint32_t round, const Bytes& block, const std::vector<std::size_t>& nodes) const {
        return from(nodes, commit_of(height(), round, *order::hash_of(block)));
    }
    Messages round_changes(std::uint32_t round, const std::vector<std::size_t>& nodes) const {
        return from(nodes, round_change_of(height(), round));
    }
    proto::SignedOrderMessage prepared_round_change(std::size_t node, std::uint32_t round, std::uint32_t prepared_round,
                                                    const Bytes& block, const Messages& prepares) const {
        auto body = round_change_of(height(), round);
        auto& change = *body.mutable_round_change();
        change.set_prepared(true);
        change.set_prepared_round(prepared_round);
        change.set_prepared_block_hash(proto::as_field(*order::hash_of(block)));
        for (const auto& one : prepares) *change.add_prepares() = one;
        auto message = signed_by(channel(), node_name(node), body);
        message.set_block(proto::as_field(block));
        return message;
    }

    const ledger::contract::Channel& channel() const { return *members(nodes_).channel; }
    std::uint64_t height() const { return tip.height + 1; }
    std::uint32_t round() const { return replica_->round(); }
    std::uint64_t replica_height() const { return replica_->height(); }

    order::Tip tip;
    std::vector<Bytes> log;
    order::Monotonic now{0};
    std::optional<order::Monotonic> timer;
    std::vector<std::string> pool;  // what it builds blocks of
    Status verdict;                 // of its CheckBlock
    std::vector<order::Action> done;

private:
    order::BlockBuilt build(const order::BuildBlock& wanted) const {
        order::BlockBuilt built{wanted.height, wanted.round, {}};
        if (!pool.empty() || wanted.empty_allowed)
            built.block = proto::encode(block_on(channel(), wanted.parent, wanted.round, pool, 0));
        return built;
    }
    Messages from(const std::vector<std::size_t>& nodes, const proto::OrderMessage& body) const {
        Messages out;
        for (const auto node : nodes) out.push_back(signed_by(channel(), node_name(node), body));
        return out;
    }

    std::size_t self_;
    std::size_t nodes_;
    std::optional<order::Replica> replica_;
};

inline Messages operator+(Messages a, const Messages& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

/// The field that names a block.
inline std::string name_of(const Bytes& block) {
    return proto::as_field(*order::hash_of(block));
}

}  // namespace fairstream::tests::ordering
