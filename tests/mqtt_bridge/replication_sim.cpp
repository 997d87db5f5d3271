#include "tests/mqtt_bridge/replication_sim.hpp"

#include <algorithm>

namespace fairstream::tests {

using namespace mqtt_bridge::replicate;
using mqtt_bridge::log::Outcome;
using mqtt_bridge::log::Position;

namespace {

constexpr std::uint64_t kMs = 1000;
constexpr std::uint64_t kDisturbedFor = 10'000 * kMs;
constexpr std::uint64_t kHealedFor = 40'000 * kMs;

}  // namespace

ReplicationSim::ReplicationSim(Options options) : options_(options), rng_(options.seed), nodes_(options.operators) {
    Chain chain(7);
    for (std::size_t i = 0; i < options.bundles; ++i)
        story_.push_back(std::make_shared<const Record>(chain.next(1 + random(5), 40)));
}

void ReplicationSim::at(std::uint64_t delay_us, Job job) {
    queue_.push({now_us_ + delay_us, order_++, std::move(job)});
}

void ReplicationSim::send(Job job) {
    if (!healed_ && random(100) < 15) return;
    at(kMs * (1 + random(healed_ ? 10 : 80)), job);
    if (random(100) < 10) at(kMs * (1 + random(300)), job);
}

void ReplicationSim::run() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) start(i);
    at(0, [this] { write(); });
    at(0, [this] { disturb(); });
    const std::uint64_t begin = now_us_;
    at(kDisturbedFor, [this] {
        healed_ = true;
        for (std::size_t i = 0; i < nodes_.size(); ++i)
            if (!nodes_[i].core) start(i);
    });
    while (!queue_.empty() && queue_.top().at_us < begin + kDisturbedFor + kHealedFor) {
        const Scheduled next = queue_.top();
        queue_.pop();
        now_us_ = next.at_us;
        next.job();
    }
}

// ---- Operators ----------------------------------------------------------------------------------------------------

void ReplicationSim::start(std::size_t index) {
    Node& node = nodes_[index];
    node.core = std::make_unique<Replicator>(name(index));
    ++node.life;
    std::vector<Peer> all;
    for (std::size_t i = 0; i < nodes_.size(); ++i) all.push_back(name(i));
    const Position position = node.disk.empty() ? Position{} : Position{node.disk.back()->last, node.disk.back()->head};
    node.live_through = position.through;
    step(index, Tick{base::from_us(now_us_)});
    if (!node.disk.empty()) step(index, Restored{story_[0]->stream, position});
    step(index, StreamPlaced{story_[0]->stream, all, options_.quorum});
    for (std::size_t other = 0; other < nodes_.size(); ++other) {
        if (other == index || !nodes_[other].core) continue;
        step(index, PeerUp{name(other)});
        step(other, PeerUp{name(index)});
    }
    at(10 * kMs, [this, index, life = node.life] { tick(index, life); });
}

void ReplicationSim::crash(std::size_t index) {
    nodes_[index].core.reset();
    for (std::size_t other = 0; other < nodes_.size(); ++other)
        if (other != index) step(other, PeerDown{name(index)});
}

void ReplicationSim::tick(std::size_t index, std::uint64_t life) {
    if (nodes_[index].life != life || !nodes_[index].core) return;
    step(index, Tick{base::from_us(now_us_)});
    at(10 * kMs, [this, index, life] { tick(index, life); });
}

void ReplicationSim::disturb() {
    if (healed_) return;
    const std::size_t index = random(nodes_.size());
    if (nodes_[index].core)
        crash(index);
    else
        start(index);
    at(kMs * (100 + random(1500)), [this] { disturb(); });
}

void ReplicationSim::step(std::size_t index, Event event) {
    if (!nodes_[index].core) return;
    for (Action& action : nodes_[index].core->step(std::move(event))) act(index, std::move(action));
}

void ReplicationSim::act(std::size_t index, Action action) {
    const std::string self = name(index);
    if (auto* append = std::get_if<Append>(&action)) {
        Node& node = nodes_[index];  // the log keeps the order in which it is asked
        node.log_busy_until_us = std::max(node.log_busy_until_us, now_us_) + kMs * random(20);
        at(node.log_busy_until_us - now_us_, [this, index, life = nodes_[index].life, arrival = append->arrival] {
            if (nodes_[index].life == life && nodes_[index].core) store(index, arrival);  // else it was not synced
        });
    } else if (auto* push = std::get_if<Push>(&action)) {
        deliver(index, index_of(push->peer), push->bundle);
    } else if (auto* mark = std::get_if<SendMark>(&action)) {
        send([this, self, to = index_of(mark->peer), message = mark->mark] { step(to, MarkArrived{self, message}); });
    } else if (auto* fetch = std::get_if<SendFetch>(&action)) {
        send([this, self, to = index_of(fetch->peer), message = fetch->fetch] {
            step(to, FetchArrived{self, message});
        });
    } else if (auto* range = std::get_if<SendRange>(&action)) {
        const std::size_t to = index_of(range->peer);
        std::uint64_t end = range->from - 1;
        std::size_t count = 0;
        for (const BundlePtr& bundle : nodes_[index].disk) {
            if (bundle->last < range->from || ++count > 5) continue;
            deliver(index, to, bundle);
            end = bundle->last;
        }
        const Position position = nodes_[index].core->durable(range->stream);
        send([this, self, to, message = MarkMessage{range->stream, position, false, end}] {
            step(to, MarkArrived{self, message});
        });
    } else if (auto* live = std::get_if<PublishLive>(&action)) {
        Node& node = nodes_[index];
        if (live->first != node.live_through + 1)
            violations.push_back(self + " published frames twice or left some out");
        node.live_through = live->last;
        std::size_t holders = 0;
        for (const Node& other : nodes_)
            holders += !other.disk.empty() && other.disk.back()->last >= live->last ? 1 : 0;
        if (holders < options_.quorum) violations.push_back(self + " published what no quorum holds");
    } else if (auto* sign = std::get_if<SignMarks>(&action)) {
        for (const auto& one : sign->marks) {
            check_mark(index, one.position);
            send([this, index, position = one.position] { take_receipt(index, position); });
            for (const Peer& peer : one.peers)
                send([this, self, to = index_of(peer), one] {
                    step(to, ReceiptArrived{self, one.stream, one.position, to_bytes(self)});
                });
        }
    } else if (std::holds_alternative<Conflict>(action)) {
        violations.push_back(self + " saw a conflict where there is one story");
    } else if (auto* fault = std::get_if<PeerFault>(&action)) {
        if (!options_.liar || fault->peer != name(0))
            violations.push_back(self + " blames " + fault->peer + ": " + fault->why);
    }
}

void ReplicationSim::deliver(std::size_t from, std::size_t to, BundlePtr bundle) {
    if (options_.liar && from == 0) {
        auto lie = std::make_shared<Record>(*bundle);
        lie->raw.back() ^= 1;
        bundle = lie;
    }
    send([this, from, to, bundle] {
        if (Chain::head_of(*bundle) == bundle->head)  // as check_bundle
            step(to, BundleArrived{{bundle, name(from), ""}});
        else
            step(to, BadBundle{name(from), bundle->stream});
    });
}

void ReplicationSim::store(std::size_t index, Arrival arrival) {
    const Outcome outcome = append(nodes_[index], arrival.bundle);
    if (outcome == Outcome::kGap) violations.push_back(name(index) + " asked its log for a gap");
    step(index, Stored{std::move(arrival), outcome});
}

Outcome ReplicationSim::append(Node& node, const BundlePtr& bundle) {
    const Position end = node.disk.empty() ? Position{} : Position{node.disk.back()->last, node.disk.back()->head};
    if (bundle->first > end.through + 1) return Outcome::kGap;
    if (bundle->first == end.through + 1) {
        if (bundle->previous != end.head) return Outcome::kConflict;
        node.disk.push_back(bundle);
        return Outcome::kAppended;
    }
    const bool same = std::ranges::any_of(node.disk, [&](const BundlePtr& held) { return *held == *bundle; });
    return same ? Outcome::kDuplicate : Outcome::kConflict;
}

// ---- The writer ---------------------------------------------------------------------------------------------------

void ReplicationSim::write() {
    if (writer_done()) return;
    if (now_us_ - last_progress_us_ > 1'000 * kMs) {
        taker_ = (taker_ + 1) % nodes_.size();
        last_progress_us_ = now_us_;
    }
    for (std::size_t i = acknowledged_; i < std::min(story_.size(), acknowledged_ + 8); ++i)
        send([this, to = taker_, bundle = story_[i]] { step(to, BundleArrived{{bundle, "", "inbox"}}); });
    at(kMs * (100 + random(100)), [this] { write(); });
}

void ReplicationSim::take_receipt(std::size_t by, const Position& position) {
    receipts_[by] = std::max(receipts_[by], position.through);
    std::vector<std::uint64_t> held;
    for (const auto& [index, through] : receipts_) held.push_back(through);
    if (held.size() < options_.quorum) return;
    std::ranges::sort(held, std::greater<>());
    while (acknowledged_ < story_.size() && story_[acknowledged_]->last <= held[options_.quorum - 1]) {
        ++acknowledged_;
        last_progress_us_ = now_us_;
    }
}

/// What is signed is on the disk, and is the writer's story.
void ReplicationSim::check_mark(std::size_t index, const Position& position) {
    const auto& disk = nodes_[index].disk;
    const auto held = std::ranges::find(disk, position.through, [](const BundlePtr& one) { return one->last; });
    if (held == disk.end() || (*held)->head != position.head)
        violations.push_back(name(index) + " signed for what is not durable");
    for (std::size_t i = 0; i < disk.size(); ++i)
        if (*disk[i] != *story_[i]) violations.push_back(name(index) + " stored another story");
}

}  // namespace fairstream::tests
