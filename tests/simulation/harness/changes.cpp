#include <algorithm>

#include "tests/simulation/harness/simulation.hpp"

/// What comes from outside: clients with transactions, admins with config changes, operators with new keys; and what a
/// node does when a config comes into force, as ledger/node does it.
namespace fairstream::tests::simulation {

using namespace std::chrono_literals;
using ordering::node_name;

namespace {

constexpr Micros kAskAgain = 200ms;
constexpr Micros kWantedFor = 60s;

}  // namespace

bool Simulation::holds_key(const Node& node) const {
    const auto* const seat = in_force(node).seat(node.member);
    return seat != nullptr && seat->key == node.key;
}

order::Sign Simulation::sign_as(const Node& node) const {
    return [&node](ByteView body) { return ordering::stub_sign(signer_of({node.member, node.key}))(body); };
}

Bank::Endorser Simulation::endorser(const Node& node, const ledger::state::Snapshot& seen) const {
    return {seen, in_force(node).channel->epoch()};
}

std::uint64_t Simulation::created_at_us() const {
    return epochs_.front().channel->config().created_at_us() + static_cast<std::uint64_t>(time_.now().count());
}

/// A client asks one node what accounts hold, and hands the transfer to all until it is committed.
void Simulation::submit() {
    const auto& node = *nodes_[time_.draw(nodes_.size())];
    hand_to_all(bank_.transfer(endorser(node, *node.state->snapshot()), created_at_us(), time_));
}

void Simulation::hand_to_all(const std::string& transaction) {
    for (auto& node : nodes_)
        time_.at(time_.now() + time_.some(100, 50'000),
                 [this, one = node.get(), transaction] { hand(*one, transaction); });
}

/// A transaction of an older epoch is refused, and its proposal endorsed under the one in force.
void Simulation::hand(Node& node, const std::string& transaction) {
    if (node.committed.contains(bank_.id_of(transaction))) return;
    if (bank_.epoch_of(transaction) < in_force(node).channel->epoch()) {
        const auto again = bank_.again(transaction, endorser(node, *node.state->snapshot()));
        if (again) hand_to_all(*again);
        return;
    }
    node.pool.insert(transaction);
    if (node.replica) step(node, order::WaitingChanged{waiting(node)});
}

/// Admins propose the config after the one that the node they ask has in force, once that is there.
void Simulation::propose_change() {
    const auto& node = *nodes_[time_.draw(nodes_.size())];
    const auto next = node.epoch + 1;
    if (next < epochs_.size() && proposed_.insert(next).second)
        return hand_to_all(
            bank_.configure(endorser(node, *node.state->snapshot()), epochs_[next].config, created_at_us(), time_));
    if (proposed_.size() + 1 < epochs_.size() && time_.now() < kWantedFor)
        time_.at(time_.now() + kAskAgain, [this] { propose_change(); });
}

/// What was endorsed under the config before can be committed no more: clients retry.
void Simulation::enter_epoch(Node& node, std::size_t epoch) {
    node.epoch = epoch;
    node.since = node.tip.height + 1;
    const auto* const seat = in_force(node).seat(node.member);
    if (seat != nullptr && seat->key >= node.oldest_key) node.key = seat->key;
    const auto waiting = std::exchange(node.pool, {});
    for (const auto& transaction : waiting) hand(node, transaction);
}

void Simulation::take_early(Node& node) {
    for (const auto& message : std::exchange(node.early, {})) deliver(node, message);
}

/// For a node that may vote no more, if the admins are about to list a key that nobody has listed so far.
bool Simulation::give_new_key(Node& node) {
    std::size_t newest_listed = node.key;
    for (std::size_t i = 0; i < epochs_.size(); ++i) {
        const auto* const seat = epochs_[i].seat(node.member);
        if (seat == nullptr) continue;
        if (epochs_[i].channel->epoch() <= oracle_.newest_epoch()) {
            newest_listed = std::max(newest_listed, seat->key);
        } else if (seat->key > newest_listed) {
            node.key = node.oldest_key = seat->key;
            node.disk->wipe();
            ++new_keys_;
            return true;
        }
    }
    return false;
}

}  // namespace fairstream::tests::simulation
