#include <catch2/catch.hpp>
#include <deque>
#include <map>
#include <set>
#include <unordered_set>

#include "ledger/proto/wire.hpp"
#include "tests/support/ordering/members.hpp"

/// Every interleaving of a few messages among three honest members of four and one liar, over two rounds: in no
/// reachable state have two of them decided differently, or has one of them voted twice.
///
/// A member's state is what it has said, in order, and what it has heard: from honest members as a set, since they say
/// one thing in one place; from the liar in order, since its first word counts. The world's state is its members'
/// states: what is in flight follows from them. Losing a message is never delivering it, so every prefix is covered.
namespace fairstream::tests::simulation {
namespace {

using namespace ordering;

constexpr std::size_t kNodes = 4;
constexpr std::size_t kLiar = 1;          // leads height 1, round 0
constexpr std::size_t kSecondLeader = 2;  // leads round 1
constexpr std::size_t kHonest[] = {0, 2, 3};

const ledger::contract::Channel& channel() {
    return *members(kNodes).channel;
}

proto::Block block(const std::string& transaction, std::uint32_t round) {
    return block_on(channel(), genesis_tip(channel()), round, {transaction}, 0);
}

/// One of the liar's messages, on its way to one member.
struct Lie {
    std::size_t to = 0;
    proto::SignedOrderMessage message;
};

proto::SignedOrderMessage propose(const proto::Block& what) {
    auto message = signed_by(channel(), node_name(kLiar), propose_of(1, 0, hash_of(what)));
    message.set_block(what.SerializeAsString());
    return message;
}

proto::SignedOrderMessage vote(proto::OrderMessage (*make)(std::uint64_t, std::uint32_t, const Hash&),
                               std::uint32_t round, const proto::Block& what) {
    return signed_by(channel(), node_name(kLiar), make(1, round, hash_of(what)));
}

struct Member {
    order::Replica replica;
    std::set<int> heard;    // honest members' messages
    std::vector<int> lies;  // the liar's, in order
    std::vector<int> said;  // in order
    int timeouts = 0;
    bool timer = false;
    std::string decided;  // the block's hash
    std::map<order::Position, std::string> votes;
};

class World {
public:
    /// `leaving`: who may leave round 0 because its time is over.
    World(std::vector<Lie> lies, std::set<std::size_t> leaving) : lies_(std::move(lies)), leaving_(std::move(leaving)) {
        for (const auto& lie : lies_)
            places_of_lies_.push_back(order::position_of(*proto::decode<proto::OrderMessage>(lie.message.body())));
    }

    struct Result {
        std::size_t states = 0;
        std::size_t deciding = 0;  // states in which someone has decided
        bool complete = false;
    };
    Result explore(std::size_t bound) {
        Result result;
        std::vector<State> open{{begin(0), begin(1), begin(2)}};
        std::unordered_set<std::uint64_t> known{pack(open.back())};
        while (!open.empty() && known.size() < bound) {
            const auto state = open.back();
            open.pop_back();
            ++result.states;
            if (check_agreement(state)) ++result.deciding;
            for (int i = 0; i < 3; ++i)
                for (const int event : events(state, i)) {
                    auto next = state;
                    next[static_cast<std::size_t>(i)] = after(state[static_cast<std::size_t>(i)], event);
                    if (known.insert(pack(next)).second) open.push_back(next);
                }
        }
        result.complete = open.empty();
        return result;
    }

private:
    using State = std::array<std::uint32_t, 3>;  // numbers of members' states
    static constexpr int kTimeout = -1;
    static constexpr int kFirstLie = 1'000'000;

    static std::uint64_t pack(const State& s) {
        return (static_cast<std::uint64_t>(s[0]) << 42) | (static_cast<std::uint64_t>(s[1]) << 21) | s[2];
    }
    const Member& member(std::uint32_t number) const { return members_[number]; }

    std::uint32_t begin(std::size_t i) {
        const auto name = node_name(kHonest[i]);
        Member fresh{order::Replica(members(kNodes).channel, name, stub_sign(name)), {}, {}, {}, 0, false, {}, {}};
        // Something waits everywhere, so that clocks run.
        step(fresh, i, order::Start{genesis_tip(channel()), {}, {.any = true, .full_block = false}});
        return number_of(std::move(fresh), i);
    }

    bool check_agreement(const State& state) const {
        std::set<std::string> decisions;
        for (const auto number : state)
            if (!member(number).decided.empty()) decisions.insert(member(number).decided);
        if (decisions.size() > 1) FAIL("two members decide differently");
        return !decisions.empty();
    }

    std::vector<int> events(const State& state, int i) const {
        const auto& self = member(state[static_cast<std::size_t>(i)]);
        std::vector<int> out;
        if (!self.decided.empty()) return out;
        if (self.timer && self.timeouts == 0 && leaving_.contains(kHonest[i])) out.push_back(kTimeout);
        for (int other = 0; other < 3; ++other) {
            if (other == i) continue;
            for (const int message : member(state[static_cast<std::size_t>(other)]).said)
                if (!self.heard.contains(message) &&
                    matters(self, static_cast<std::size_t>(i), places_of_messages_[static_cast<std::size_t>(message)]))
                    out.push_back(message);
        }
        for (std::size_t lie = 0; lie < lies_.size(); ++lie)
            if (lies_[lie].to == kHonest[i] && matters(self, static_cast<std::size_t>(i), places_of_lies_[lie]) &&
                std::ranges::find(self.lies, static_cast<int>(lie)) == self.lies.end())
                out.push_back(kFirstLie + static_cast<int>(lie));
        return out;
    }

    /// What changes nothing any more is not delivered, and not remembered: of rounds that were left only COMMITs count,
    /// PROPOSEs until the PREPARE, PREPAREs until the COMMIT, ROUND-CHANGEs that raise the round or are to be proposed
    /// on.
    static bool matters(const Member& self, std::size_t i, const order::Position& at) {
        const auto round = self.replica.round();
        if (at.step == order::Step::kCommit) return true;
        if (at.round < round) return false;
        const auto voted = [&](order::Step step) { return self.votes.contains({1, at.round, step}); };
        switch (at.step) {
            case order::Step::kPropose:
                return !voted(order::Step::kPrepare);
            case order::Step::kPrepare:
                return !voted(order::Step::kCommit);
            default:
                return at.round > round || (kHonest[i] == kSecondLeader && !voted(order::Step::kPropose));
        }
    }

    std::uint32_t after(std::uint32_t number, int event) {
        const auto known = steps_.find({number, event});
        if (known != steps_.end()) return known->second;
        Member next = members_[number];
        const auto i = places_[number];
        if (event == kTimeout) {
            ++next.timeouts;
            next.timer = false;
            now_ += std::chrono::seconds(10);  // beyond any deadline
            step(next, i, order::Tick{});
        } else {
            const bool lie = event >= kFirstLie;
            const auto& message = lie ? lies_[static_cast<std::size_t>(event - kFirstLie)].message
                                      : messages_[static_cast<std::size_t>(event)];
            if (lie)
                next.lies.push_back(event - kFirstLie);
            else
                next.heard.insert(event);
            step(next, i, order::Message{order::verify_message(channel(), message, stub_check).value()});
        }
        const auto to = number_of(std::move(next), i);
        steps_.emplace(std::pair(number, event), to);
        return to;
    }

    void step(Member& self, std::size_t i, order::Event first) {
        std::deque<order::Event> answers{std::move(first)};
        for (; !answers.empty(); answers.pop_front())
            for (const auto& action : self.replica.step(answers.front(), now_)) {
                if (const auto* one = std::get_if<order::Broadcast>(&action)) say(self, i, one->message);
                if (std::holds_alternative<order::SetTimer>(action)) self.timer = true;
                if (const auto* one = std::get_if<order::CheckBlock>(&action))
                    answers.push_back(order::BlockChecked{one->height, one->block_hash, {}});
                if (const auto* one = std::get_if<order::BuildBlock>(&action))
                    answers.push_back(order::BlockBuilt{one->height, one->round,
                                                        proto::encode(block("of " + std::to_string(i), one->round))});
                if (const auto* one = std::get_if<order::Decided>(&action)) self.decided = as_text(one->block_hash);
            }
    }

    void say(Member& self, std::size_t i, const proto::SignedOrderMessage& message) {
        const auto at = order::position_of(*proto::decode<proto::OrderMessage>(message.body()));
        const auto [known, fresh] = self.votes.try_emplace(at, message.body());
        if (known->second != message.body()) FAIL(node_name(kHonest[i]) << " votes twice at " << order::to_text(at));
        if (!fresh) return;
        const auto [numbered, added] =
            numbers_of_messages_.try_emplace(message.node() + message.body(), static_cast<int>(messages_.size()));
        if (added) {
            messages_.push_back(message);
            places_of_messages_.push_back(at);
        }
        self.said.push_back(numbered->second);
    }

    std::uint32_t number_of(Member self, std::size_t i) {
        std::string key = std::to_string(i) + "t" + std::to_string(self.timeouts) + (self.timer ? "r" : "-");
        for (const int one : self.said) key += ":" + std::to_string(one);
        key += self.decided;
        if (self.decided.empty()) {  // else its past is over
            for (const int one : self.heard)
                if (matters(self, i, places_of_messages_[static_cast<std::size_t>(one)]))
                    key += "," + std::to_string(one);
            for (const int one : self.lies)
                if (matters(self, i, places_of_lies_[static_cast<std::size_t>(one)])) key += ";" + std::to_string(one);
        }
        const auto [known, fresh] = numbers_.try_emplace(key, static_cast<std::uint32_t>(members_.size()));
        if (fresh) {
            members_.push_back(std::move(self));
            places_.push_back(i);
        }
        return known->second;
    }

    const std::vector<Lie> lies_;
    const std::set<std::size_t> leaving_;
    order::Monotonic now_{};
    std::deque<Member> members_;       // states of members, by number
    std::vector<std::size_t> places_;  // whose
    std::map<std::string, std::uint32_t> numbers_;
    std::map<std::pair<std::uint32_t, int>, std::uint32_t> steps_;
    std::vector<proto::SignedOrderMessage> messages_;
    std::vector<order::Position> places_of_messages_, places_of_lies_;
    std::map<std::string, int> numbers_of_messages_;
};

void explore(const std::vector<Lie>& lies, const std::set<std::size_t>& leaving, std::size_t bound) {
    World world(lies, leaving);
    const auto result = world.explore(bound);
    INFO(result.states << " states, in " << result.deciding << " of them a block is decided");
    CHECK(result.complete);
    CHECK(result.deciding > 0);
}

TEST_CASE("every interleaving: the leader proposes one block to all and falls silent, and anybody may leave round 0") {
    const auto a = block("a", 0);
    std::vector<Lie> lies;
    for (const auto to : kHonest) lies.push_back({to, propose(a)});
    explore(lies, /*leaving=*/{0, 2, 3}, /*bound=*/3'000'000);
}

TEST_CASE(
    "every interleaving: two blocks are proposed in round 0, and the liar votes for one here, for the other there") {
    const auto a = block("a", 0), b = block("b", 0);
    std::vector<Lie> lies{{0, propose(a)}, {2, propose(a)}, {3, propose(b)}, {2, propose(b)}};
    for (const auto to : kHonest) {
        lies.push_back({to, vote(prepare_of, 0, to == 3 ? b : a)});
        lies.push_back({to, vote(commit_of, 0, to == 3 ? b : a)});
    }
    explore(lies, /*leaving=*/{}, /*bound=*/3'000'000);
}

TEST_CASE("every interleaving: the liar helps a block to a COMMIT at one member and away from it at the others") {
    const auto a = block("a", 0);
    std::vector<Lie> lies{{0, propose(a)}, {3, propose(a)}, {0, vote(prepare_of, 0, a)}, {0, vote(commit_of, 0, a)}};
    explore(lies, /*leaving=*/{0, 2, 3}, /*bound=*/3'000'000);
}

}  // namespace
}  // namespace fairstream::tests::simulation
