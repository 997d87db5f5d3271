#include "tests/simulation/harness/oracle.hpp"

#include <algorithm>

#include "ledger/proto/wire.hpp"

namespace fairstream::tests::simulation {

using order::Position;
using order::Step;
using ordering::node_name;

Oracle::Oracle(const std::string& config, Bank& bank) : bank_(bank), skipped_(1) {
    begin_epoch(1, config);
}

void Oracle::violated(const std::string& rule, const std::string& what) const {
    throw Violation(rule + ": " + what);
}

// ---- Who votes
// ----------------------------------------------------------------------------------------------------------

void Oracle::begin_epoch(std::uint64_t from, const std::string& config) {
    const auto parsed = *proto::decode<proto::ChannelConfig>(config);
    Electorate next{parsed.epoch(), from, {}};
    for (const auto& node : parsed.nodes()) next.voters.push_back({node.name(), node.certificate()});
    epochs_.push_back(std::move(next));
}

const Oracle::Electorate& Oracle::electorate(std::uint64_t height) const {
    auto epoch = epochs_.rbegin();
    while (epoch->from > height) ++epoch;
    return *epoch;
}

/// So many that two of them share more than a third: the fewest that are two thirds.
std::size_t Oracle::Electorate::quorum() const {
    std::size_t enough = 0;
    while (3 * enough < 2 * voters.size()) ++enough;
    return enough;
}

const Oracle::Voter* Oracle::Electorate::voter(const std::string& name) const {
    const auto found = std::ranges::find(voters, name, &Voter::name);
    return found == voters.end() ? nullptr : &*found;
}

bool Oracle::Electorate::genuine(const proto::SignedOrderMessage& message, const proto::OrderMessage& body) const {
    const auto* const who = voter(message.node());
    return who != nullptr && body.config_epoch() == number &&
           ordering::stub_check(who->signer, as_bytes(message.body()), as_bytes(message.signature()));
}

// ---- Votes
// --------------------------------------------------------------------------------------------------------------

void Oracle::delivered(std::size_t member, const proto::SignedOrderMessage& message) {
    const auto body = proto::decode<proto::OrderMessage>(message.body());
    if (!body) return;
    if (body->has_propose()) {
        const auto& p = body->propose();
        proposals_[{member, {p.height(), p.round(), p.block_hash()}}].push_back(message);
    }
    if (body->has_prepare()) {
        const auto& p = body->prepare();
        *prepares_[{member, {p.height(), p.round(), p.block_hash()}}].Add() = message;
    }
}

void Oracle::voted(std::size_t member, const proto::SignedOrderMessage& message, const Position& durable,
                   const order::Tip& tip) {
    const auto body = *proto::decode<proto::OrderMessage>(message.body());
    const auto at = order::position_of(body);
    delivered(member, message);
    const bool again = bodies_.contains({member, at});
    check_order(member, at, message.body(), durable);
    if (again) return;
    check_voter(member, message, body);
    if (body.has_prepare()) check_prepare(member, body.prepare(), tip);
    if (body.has_commit()) check_commit(member, body.commit());
    if (body.has_round_change()) check_round_change(member, body.round_change());
}

/// S5: only who is listed at that height votes, under that epoch, with the key that is listed.
void Oracle::check_voter(std::size_t member, const proto::SignedOrderMessage& message,
                         const proto::OrderMessage& body) {
    const auto& epoch = electorate(order::position_of(body).height);
    if (message.node() != node_name(member) || !epoch.genuine(message, body))
        violated("S5", node_name(member) + " votes at " + order::to_text(order::position_of(body)) + " in epoch " +
                           std::to_string(body.config_epoch()) + ", where it has no vote of epoch " +
                           std::to_string(epoch.number) + " or another key");
}

/// S1, S4, W1: one vote for each place, for ever; never back; durable before anybody hears of it.
void Oracle::check_order(std::size_t member, const Position& at, const std::string& body, const Position& durable) {
    const auto [known, fresh] = bodies_.try_emplace({member, at}, body);
    if (known->second != body) violated("S1", node_name(member) + " votes twice at " + order::to_text(at));
    auto& newest = newest_[member];
    if (fresh && at < newest)
        violated("S1", node_name(member) + " votes at " + order::to_text(at) + " after " + order::to_text(newest));
    newest = std::max(newest, at);
    if (durable < at)
        violated("W1", node_name(member) + " sends its vote at " + order::to_text(at) + ", but its guard is at " +
                           order::to_text(durable));
}

/// S2: some PROPOSE that reached this member allows it.
void Oracle::check_prepare(std::size_t member, const proto::Prepare& prepare, const order::Tip& tip) {
    const auto& seen = proposals_[{member, {prepare.height(), prepare.round(), prepare.block_hash()}}];
    std::string why = "no PROPOSE for it";
    for (const auto& message : seen) {
        why = why_not(message, tip);
        if (why.empty()) return;
    }
    violated("S2", node_name(member) + " prepares at height " + std::to_string(prepare.height()) + ", round " +
                       std::to_string(prepare.round()) + ": " + why);
}

std::string Oracle::why_not(const proto::SignedOrderMessage& message, const order::Tip& tip) {
    const auto body = *proto::decode<proto::OrderMessage>(message.body());
    const auto& propose = body.propose();
    if (propose.height() != tip.height + 1) return "of another height";
    if (!electorate(propose.height()).genuine(message, body)) return "not a member's of this epoch";
    if (message.node() != leader(propose.height(), propose.round())) return message.node() + " does not lead";
    const auto block = proto::decode<proto::Block>(message.block());
    const auto header = proto::decode<proto::BlockHeader>(block ? block->header() : std::string());
    if (!block || !header || as_text(ordering::hash_of(*block)) != propose.block_hash()) return "another block";
    if (header->previous_hash() != as_text(tip.hash)) return "another parent";
    if (header->previous_outcomes_root() != as_text(tip.outcomes_root)) return "other outcomes";
    if (header->time_us() <= tip.time_us) return "a time not after its parent's";
    bool fresh = true;
    if (auto why = why_not_justified(propose, fresh); !why.empty()) return why;
    if (fresh ? header->round() != propose.round() : header->round() >= propose.round()) return "another round's block";
    if (header->proposer() != leader(propose.height(), header->round())) return "a false proposer";
    return {};
}

std::string Oracle::why_not_justified(const proto::Propose& propose, bool& fresh) {
    if (propose.round() == 0)
        return propose.round_changes_size() + propose.prepares_size() == 0 ? "" : "needless proofs";
    const auto& epoch = electorate(propose.height());
    std::set<std::string> members;
    std::uint32_t highest = 0;
    std::set<std::string> blocks;
    for (const auto& vote : propose.round_changes()) {
        const auto body = proto::decode<proto::OrderMessage>(vote.body());
        if (!body || !body->has_round_change() || !epoch.genuine(vote, *body)) return "what is no ROUND-CHANGE";
        const auto& change = body->round_change();
        if (change.height() != propose.height() || change.round() != propose.round()) return "another ROUND-CHANGE";
        members.insert(vote.node());
        if (!change.prepared()) continue;
        if (fresh || change.prepared_round() > highest) blocks.clear();
        if (fresh || change.prepared_round() >= highest) {
            highest = change.prepared_round();
            blocks.insert(change.prepared_block_hash());
        }
        fresh = false;
    }
    if (members.size() < epoch.quorum()) return "too few ROUND-CHANGEs";
    if (fresh) return {};
    if (!blocks.contains(propose.block_hash())) return "not the highest prepared block";
    if (genuine(propose.prepares(), {propose.height(), highest, Step::kPrepare}, propose.block_hash()) < epoch.quorum())
        return "too few PREPAREs behind it";
    return {};
}

/// Distinct members whose well-signed votes of this epoch are for exactly this.
std::size_t Oracle::genuine(const Votes& votes, const Position& at, const std::string& block_hash) const {
    std::set<std::string> members;
    for (const auto& vote : votes) {
        const auto body = proto::decode<proto::OrderMessage>(vote.body());
        if (!body || order::position_of(*body) != at) continue;
        if ((body->has_prepare() ? body->prepare().block_hash() : body->commit().block_hash()) != block_hash) continue;
        if (electorate(at.height).genuine(vote, *body)) members.insert(vote.node());
    }
    return members.size();
}

/// S3: q PREPAREs reached it.
void Oracle::check_commit(std::size_t member, const proto::Commit& commit) {
    const auto by = genuine(prepares_[{member, {commit.height(), commit.round(), commit.block_hash()}}],
                            {commit.height(), commit.round(), Step::kPrepare}, commit.block_hash());
    if (by < electorate(commit.height()).quorum())
        violated("S3", node_name(member) + " commits on " + std::to_string(by) + " PREPAREs at height " +
                           std::to_string(commit.height()) + ", round " + std::to_string(commit.round()));
    committed_round_[{member, commit.height()}] = commit.round();
}

/// S4: it speaks of the block this member committed to last, with q PREPAREs.
void Oracle::check_round_change(std::size_t member, const proto::RoundChange& change) {
    const auto committed = committed_round_.find({member, change.height()});
    const auto where = node_name(member) + " at height " + std::to_string(change.height()) + ", round " +
                       std::to_string(change.round());
    if (committed != committed_round_.end() && (!change.prepared() || change.prepared_round() != committed->second))
        violated("S4", where + " hides what it committed to in round " + std::to_string(committed->second));
    if (change.prepared() && genuine(change.prepares(), {change.height(), change.prepared_round(), Step::kPrepare},
                                     change.prepared_block_hash()) < electorate(change.height()).quorum())
        violated("S4", where + " carries a certificate that does not hold");
}

// ---- Decisions
// ----------------------------------------------------------------------------------------------------------

void Oracle::decided(std::size_t member, const order::Decided& decision, const order::Tip& tip) {
    const auto where = node_name(member) + " at height " + std::to_string(decision.height);
    const auto block = *proto::decode<proto::Block>(decision.block);
    const auto header = *proto::decode<proto::BlockHeader>(block.header());
    const auto& epoch = electorate(decision.height);
    if (genuine(decision.certificate.commits(), {decision.height, decision.certificate.round(), Step::kCommit},
                proto::as_field(decision.block_hash)) < epoch.quorum())
        violated("S6", where + " decides without a quorum's COMMITs");
    if (header.config_epoch() != epoch.number)
        violated("S5", where + " decides a block of epoch " + std::to_string(header.config_epoch()));
    if (decision.height > decided_.size() + 1 || decision.height != tip.height + 1 ||
        ordering::hash_of(block) != decision.block_hash || header.previous_hash() != as_text(tip.hash))
        violated("agreement", where + " decides what does not follow its chain");
    if (decision.height == decided_.size() + 1) {
        decided_.push_back({decision.block_hash, proto::as_field(decision.block), {}});
        if (header.previous_outcomes_root() != as_text(tip.outcomes_root))
            violated("S2", where + ": the header has other outcomes than this member found");
        const auto& codes = bank_.expect(decision.height, block);
        for (int i = 0; i < block.transactions_size(); ++i)
            if (codes[static_cast<std::size_t>(i)] == proto::VALID && !bank_.knows(block.transactions(i)))
                violated("validity", where + " has a transaction out of nowhere");
        if (const auto* const config = bank_.config_after(decision.height)) begin_epoch(decision.height + 1, *config);
        skipped(decision.height + 1);
    }
    if (decided_[decision.height - 1].block != as_text(decision.block))
        violated("agreement", where + " decides another block");
}

void Oracle::applied(std::size_t member, const proto::Block& block, const std::vector<proto::Outcome>& outcomes,
                     const ledger::state::Batch& batch) {
    const auto where = node_name(member) + " at height " + std::to_string(batch.height);
    const auto& codes = bank_.expect(batch.height, block);
    for (std::size_t i = 0; i < outcomes.size(); ++i)
        if (outcomes[i].code() != codes.at(i))
            violated("validity", where + ": transaction " + std::to_string(i) + " is " +
                                     proto::ValidationCode_Name(outcomes[i].code()) + ", not " +
                                     proto::ValidationCode_Name(codes[i]) + ": " + outcomes[i].reason());
    std::string effects;
    for (const auto& outcome : outcomes) effects += outcome.SerializeAsString();
    for (const auto& change : batch.changes)
        effects += change.key + "=" + (change.value ? std::string(as_text(*change.value)) : "-") +
                   std::to_string(change.version.block) + "." + std::to_string(change.version.index) + ";";
    auto& known = decided_.at(batch.height - 1).effects;
    if (known.empty()) known = effects;
    if (known != effects) violated("agreement", where + " comes to another state");
}

// ---- Leaders: ADR 0007, said once more
// ----------------------------------------------------------------------------------

const std::string& Oracle::leader(std::uint64_t height, std::uint32_t round) {
    return leader(skipped(height), height, round);
}

const std::string& Oracle::leader(const Skipped& skipped, std::uint64_t height, std::uint32_t round) const {
    const auto& epoch = electorate(height);
    const auto& nodes = epoch.voters;
    std::vector<std::size_t> away;
    for (std::size_t i = 0; i < nodes.size(); ++i)
        if (const auto one = skipped.find(nodes[i].name); one != skipped.end() && one->second.until >= height)
            away.push_back(i);
    while (away.size() > nodes.size() - epoch.quorum())
        away.erase(std::ranges::min_element(away, [&](std::size_t a, std::size_t b) {
            const auto ua = skipped.at(nodes[a].name).until, ub = skipped.at(nodes[b].name).until;
            return ua != ub ? ua < ub : a > b;
        }));
    const std::size_t present = nodes.size() - away.size();
    if (round >= present) return nodes[(height + round) % nodes.size()].name;
    std::size_t turn = (height + round) % present;
    for (std::size_t i = 0;; ++i)
        if (std::ranges::find(away, i) == away.end() && turn-- == 0) return nodes[i].name;
}

const Oracle::Skipped& Oracle::skipped(std::uint64_t height) {
    while (skipped_.size() < height) {
        const auto here = skipped_.size();
        if (here > decided_.size()) return skipped_.back();  // asked ahead of the chain: the best guess
        const auto& epoch = electorate(here);
        const auto block = *proto::decode<proto::Block>(decided_[here - 1].block);
        const auto header = *proto::decode<proto::BlockHeader>(block.header());
        Skipped next = skipped_.back();
        std::set<std::string> failed;
        for (std::uint32_t r = 0; r < header.round() && r < 2 * epoch.voters.size(); ++r)
            failed.insert(leader(skipped_.back(), here, r));
        next.erase(header.proposer());
        for (const auto& name : failed) {
            if (name == header.proposer()) continue;
            const auto known = next.find(name);
            const auto span = known == next.end()           ? 32
                              : known->second.until >= here ? known->second.span
                                                            : std::min<std::uint64_t>(2 * known->second.span, 4096);
            next[name] = {here + span, span};
        }
        std::erase_if(next, [&](const auto& one) { return epoch.voter(one.first) == nullptr; });  // it has left
        skipped_.push_back(std::move(next));
    }
    return skipped_[height - 1];
}

}  // namespace fairstream::tests::simulation
