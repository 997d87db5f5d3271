#include "tests/simulation/harness/epochs.hpp"

#include <algorithm>

#include "ledger/proto/wire.hpp"

namespace fairstream::tests::simulation {

using ordering::node_name;

namespace {

constexpr std::size_t kMostSeats = 7;
constexpr std::size_t kMostMembers = 9;  // over all epochs
constexpr int kTries = 20;

bool lies(Fault fault) {
    return fault == Fault::kTwins || fault == Fault::kHostile || fault == Fault::kMutant || fault == Fault::kOldDisk;
}

/// Fewer than a third lie, and two thirds are there and honest.
bool bears(const Seats& seats, const Faults& faults) {
    std::size_t liars = 0, bad = 0;
    for (const auto& seat : seats) {
        const auto fault = faults.find(seat.member);
        if (fault == faults.end()) continue;
        ++bad;
        if (lies(fault->second)) ++liars;
    }
    return !seats.empty() && 3 * liars < seats.size() && 3 * (seats.size() - bad) >= 2 * seats.size();
}

std::shared_ptr<const ledger::contract::Channel> channel_after(const ledger::contract::Channel& before,
                                                               const std::string& path, const Seats& seats) {
    static std::map<std::string, std::shared_ptr<const ledger::contract::Channel>> made;  // certificates take time
    if (const auto known = made.find(path); known != made.end()) return known->second;
    return made.emplace(path, ordering::successor(before, seats)).first->second;
}

/// Draws one change after the other.
class Plan {
public:
    Plan(std::size_t nodes, Faults& faults, Scheduler& chance) : faults_(faults), chance_(chance) {
        for (; members_ < nodes; ++members_) now_.push_back({members_});
    }

    const Seats& now() const { return now_; }

    /// False if no change was found that can be borne.
    bool change() {
        for (int i = 0; i < kTries; ++i) {
            const auto before = now_;
            const auto faults_before = faults_;
            const auto members_before = members_;
            draw();
            if (now_ != before && now_.size() <= kMostSeats && bears(now_, faults_)) return true;
            now_ = before;
            faults_ = faults_before;
            members_ = members_before;
        }
        return false;
    }

private:
    void draw() {
        switch (chance_.draw(5)) {
            case 0:
                return add();
            case 1:
                return remove();
            case 2:
                return replace_key();
            case 3:  // one takes another's place
                remove();
                return add();
            default:
                replace_key();
                return chance_.chance(500) ? add() : remove();
        }
    }

    /// A new member, which may turn out to lie, or one that was there before, with its key of then or another.
    void add() {
        Seat seat{members_};
        if (chance_.chance(300)) seat.member = static_cast<std::size_t>(chance_.draw(members_));
        const bool there = std::ranges::find(now_, seat.member, &Seat::member) != now_.end();
        if (there || seat.member >= kMostMembers) return;
        if (seat.member == members_) {
            ++members_;
            if (chance_.chance(250)) faults_[seat.member] = Fault::kHostile;
        } else {
            seat.key = newest_key_[seat.member] += chance_.draw(2);
        }
        const auto at = chance_.draw(now_.size() + 1);  // the voting order changes, too
        now_.insert(now_.begin() + static_cast<std::ptrdiff_t>(at), seat);
    }

    void remove() {
        if (now_.size() > 1) now_.erase(now_.begin() + static_cast<std::ptrdiff_t>(chance_.draw(now_.size())));
    }

    /// Most of all of a member that may vote with its old one no more.
    void replace_key() {
        auto seat = now_.begin() + static_cast<std::ptrdiff_t>(chance_.draw(now_.size()));
        const auto lost = std::ranges::find_if(now_, [this](const Seat& one) {
            const auto fault = faults_.find(one.member);
            return fault != faults_.end() && fault->second == Fault::kOldLog;
        });
        if (lost != now_.end() && chance_.chance(700)) seat = lost;
        seat->key = ++newest_key_[seat->member];
    }

    Faults& faults_;
    Scheduler& chance_;
    Seats now_;
    std::size_t members_ = 0;
    std::map<std::size_t, std::size_t> newest_key_;
};

}  // namespace

const char* name_of(Fault fault) {
    constexpr const char* kNames[] = {"mute", "twins", "hostile", "mutant", "old disk", "old log", "bad clock"};
    return kNames[static_cast<int>(fault)];
}

Epoch::Epoch(Seats listed, std::shared_ptr<const ledger::contract::Channel> in_force)
    : seats(std::move(listed)), channel(std::move(in_force)) {
    ledger::proto::ChannelConfig stands_in;
    stands_in.set_channel(channel->name());
    stands_in.set_epoch(channel->epoch());
    for (const auto& seat : seats) {
        signers_.emplace(node_name(seat.member), signer_of(seat));
        auto& node = *stands_in.add_nodes();
        node.set_name(node_name(seat.member));
        node.set_certificate(signer_of(seat));
    }
    config = stands_in.SerializeAsString();
}

const Seat* Epoch::seat(std::size_t member) const {
    const auto found = std::ranges::find(seats, member, &Seat::member);
    return found == seats.end() ? nullptr : &*found;
}

bool Epoch::check(std::string_view node, ByteView body, ByteView signature) const {
    const auto signer = signers_.find(node);
    return signer != signers_.end() && ordering::stub_check(signer->second, body, signature);
}

std::vector<Epoch> plan_epochs(std::size_t nodes, int changes, Faults& faults, Scheduler& chance) {
    Plan plan(nodes, faults, chance);
    std::vector<Epoch> epochs;
    epochs.emplace_back(plan.now(), ordering::members(nodes).channel);
    std::string path = std::to_string(nodes);
    for (int i = 0; i < changes && plan.change(); ++i) {
        path += "/";
        for (const auto& seat : plan.now()) path += signer_of(seat) + " ";
        epochs.emplace_back(plan.now(), channel_after(*epochs.back().channel, path, plan.now()));
    }
    return epochs;
}

}  // namespace fairstream::tests::simulation
