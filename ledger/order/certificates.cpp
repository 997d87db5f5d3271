#include "ledger/order/certificates.hpp"

#include <algorithm>
#include <set>

#include "ledger/order/planted.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::order {

namespace {

/// Distinct members whose messages all satisfy `matches` (an Error says which does not, and why).
template <typename Matches>
Status count(const Channel& channel, const Votes& votes, std::string_view code, Matches matches) {
    std::set<std::string_view> members;
    for (const auto& vote : votes) {
        if (channel.node(vote.node()) == nullptr) return fail(code, "a vote of " + vote.node() + ", not a member");
        if (!members.insert(vote.node()).second && !planted(Bug::kCountTwice))
            return fail(code, "two votes of " + vote.node());
        const auto body = proto::decode<proto::OrderMessage>(vote.body());
        const bool in_epoch = body && (body->config_epoch() == channel.epoch() || planted(Bug::kAnyEpoch));
        if (!in_epoch || !matches(*body)) return fail(code, "the vote of " + vote.node() + " is for something else");
    }
    const auto counted = planted(Bug::kCountTwice) ? static_cast<std::size_t>(votes.size()) : members.size();
    const bool one_fewer = planted(Bug::kFewRoundChanges) && code == "bad_justification";
    if (counted + (one_fewer ? 1 : 0) < channel.quorum())
        return fail(
            code, std::to_string(members.size()) + " votes where " + std::to_string(channel.quorum()) + " are needed");
    return {};
}

}  // namespace

Status check_prepares(const Channel& channel, const Votes& prepares, std::uint64_t height, std::uint32_t round,
                      std::string_view block_hash) {
    return count(channel, prepares, "bad_certificate", [&](const proto::OrderMessage& body) {
        return body.has_prepare() && position_of(body) == Position{height, round, Step::kPrepare} &&
               body.prepare().block_hash() == block_hash;
    });
}

Status check_commits(const Channel& channel, const proto::CommitCertificate& certificate) {
    return count(channel, certificate.commits(), "bad_certificate", [&](const proto::OrderMessage& body) {
        return body.has_commit() &&
               position_of(body) == Position{certificate.height(), certificate.round(), Step::kCommit} &&
               body.commit().block_hash() == certificate.block_hash();
    });
}

Result<std::optional<std::uint32_t>> check_justification(const Channel& channel, const proto::Propose& propose) {
    std::optional<std::uint32_t> highest;
    std::set<std::string> highest_blocks;  // a liar may name another block at the same round; only one has q PREPAREs
    FS_TRY(count(channel, propose.round_changes(), "bad_justification", [&](const proto::OrderMessage& body) {
        if (!body.has_round_change() ||
            position_of(body) != Position{propose.height(), propose.round(), Step::kRoundChange})
            return false;
        const auto& change = body.round_change();
        if (!change.prepared() || planted(Bug::kIgnorePrepared)) return true;
        if (change.prepared_round() >= change.round()) return false;
        const bool wanted = planted(Bug::kAnyPreparedRound) && change.prepared_block_hash() == propose.block_hash();
        if (!highest || change.prepared_round() > *highest || wanted) {
            highest = change.prepared_round();
            highest_blocks.clear();
        }
        if (change.prepared_round() == *highest) highest_blocks.insert(change.prepared_block_hash());
        return true;
    }));
    if (!highest) {
        if (propose.prepares_size() != 0)
            return fail("bad_justification", "PREPAREs for a block that nobody has prepared");
        return highest;
    }
    if (!highest_blocks.contains(propose.block_hash()))
        return fail("bad_justification", "another block was prepared in round " + std::to_string(*highest));
    if (auto backed = check_prepares(channel, propose.prepares(), propose.height(), *highest, propose.block_hash());
        !backed && !planted(Bug::kUnbackedBlock))
        return fail("bad_justification",
                    "prepared in round " + std::to_string(*highest) + ": " + backed.error().message);
    return highest;
}

}  // namespace fairstream::ledger::order
