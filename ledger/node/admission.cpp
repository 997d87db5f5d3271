#include "ledger/node/admission.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::node {

using namespace std::chrono_literals;

namespace {

constexpr auto kMaxAge = 60s;

Status check_endorsements(const contract::Channel& channel, const proto::Transaction& transaction) {
    if (static_cast<std::size_t>(transaction.endorsements_size()) > channel.nodes().size())
        return fail("malformed", "more endorsements than the channel has nodes");
    std::set<std::string> organisations;
    for (const auto& endorsement : transaction.endorsements()) {
        const auto* const node = channel.node(endorsement.node());
        if (node == nullptr || organisations.contains(node->organisation)) continue;
        if (channel.verify(node->name, "endorsement/v1", as_bytes(transaction.result()),
                           as_bytes(endorsement.signature())))
            organisations.insert(node->organisation);
    }
    if (organisations.size() < channel.endorsing_organisations())
        return fail("policy_not_met", fmt::format("{} organisations endorsed, {} must", organisations.size(),
                                                  channel.endorsing_organisations()));
    return {};
}

Status check_result(const contract::Channel& channel, const proto::Transaction& transaction, ByteView id) {
    FS_ASSIGN(const auto result, proto::decode<proto::ProposalResult>(transaction.result()));
    if (!std::ranges::equal(as_bytes(result.transaction_id()), id))
        return fail("malformed", "the endorsed result is of another transaction");
    if (result.config_epoch() != channel.epoch())
        return fail("stale_config", fmt::format("endorsed under config epoch {}, {} is in force; endorse it anew",
                                                result.config_epoch(), channel.epoch()));
    return {};
}

}  // namespace

Result<identity::crypto::Hash> check_transaction(const contract::Channel& channel, ByteView bytes, TimePoint now) {
    const std::size_t max_bytes = channel.config().limits().max_transaction_bytes();
    if (bytes.size() > max_bytes)
        return fail("too_large", fmt::format("a transaction has at most {} bytes, not {}", max_bytes, bytes.size()));
    FS_ASSIGN(const auto transaction, proto::decode<proto::Transaction>(bytes));
    const auto& signed_proposal = transaction.signed_proposal();
    FS_ASSIGN(const auto proposal, contract::parse_proposal(as_bytes(signed_proposal.proposal())));
    if (proposal.channel() != channel.name())
        return fail("wrong_channel", "this channel is " + channel.name() + ", not " + proposal.channel());
    if (proposal.intent() != proto::INTENT_SUBMIT) return fail("wrong_intent", "a query cannot be committed");
    const auto age = now - base::from_us(proposal.created_at_us());
    if (age > kMaxAge || age < -kMaxAge)
        return fail("time_out_of_range", "the proposal's creation time is more than 60 s from now");
    const auto id = proto::transaction_id(signed_proposal);
    FS_TRY(check_result(channel, transaction, id));
    FS_TRY(channel.authenticate(signed_proposal, proposal, now));
    FS_TRY(check_endorsements(channel, transaction));
    return id;
}

}  // namespace fairstream::ledger::node
