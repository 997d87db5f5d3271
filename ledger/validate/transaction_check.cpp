#include "ledger/validate/transaction_check.hpp"

#include <algorithm>
#include <chrono>
#include <set>

#include "ledger/contract/configure.hpp"
#include "ledger/contract/endorsements.hpp"
#include "ledger/contract/keys.hpp"
#include "ledger/contract/limits.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::validate {

namespace {

constexpr std::chrono::seconds kMaxTimeDifference{60};
constexpr std::uint32_t kMaxRangeRead = contract::kMaxRangeLimit + contract::kMaxWrites;

/// Of a contract: what begins with '~' is written by the node itself, with each block.
bool is_full_key(std::string_view key) {
    return !key.empty() && key.size() <= contract::kMaxFullKeyBytes && key.front() != '~';
}

/// Keys in strictly rising order: sorted, each once.
template <typename Items>
bool keys_rise(const Items& items) {
    const std::string* last = nullptr;
    for (const auto& item : items) {
        if (!is_full_key(item.key()) || (last != nullptr && item.key() <= *last)) return false;
        last = &item.key();
    }
    return true;
}

template <typename Items>
bool at_most(const Items& items, std::size_t bound) {
    return static_cast<std::size_t>(items.size()) <= bound;
}

std::string check_counts(const proto::ProposalResult& result) {
    if (!at_most(result.reads(), contract::kMaxReads)) return "too many reads";
    if (!at_most(result.ranges(), contract::kMaxRanges)) return "too many ranges";
    if (!at_most(result.writes(), contract::kMaxWrites)) return "too many writes";
    if (!at_most(result.deltas(), contract::kMaxDeltas)) return "too many deltas";
    if (!at_most(result.events(), contract::kMaxEvents)) return "too many events";
    if (!at_most(result.private_writes(), contract::kMaxPrivateWrites)) return "too many private writes";
    if (result.response().size() > contract::kMaxResponseBytes) return "the response is too large";
    return {};
}

/// Private writes say again what stands under their keys; one that does not could never be answered for.
bool private_writes_match(const proto::ProposalResult& result) {
    auto write = result.writes().begin();
    for (const auto& hidden : result.private_writes()) {
        while (write != result.writes().end() && write->key() < hidden.key()) ++write;
        if (write == result.writes().end() || write->key() != hidden.key() || write->remove() ||
            write->value() != hidden.salted_hash() || hidden.salted_hash().size() != identity::crypto::Hash{}.size())
            return false;
    }
    return true;
}

std::string check_result(const proto::ProposalResult& result) {
    if (auto wrong = check_counts(result); !wrong.empty()) return wrong;
    if (!keys_rise(result.reads())) return "reads are not in key order";
    if (!keys_rise(result.writes())) return "writes are not in key order";
    if (!keys_rise(result.private_writes()) || !private_writes_match(result))
        return "private writes do not match the writes";
    std::set<std::string_view> written;
    for (const auto& write : result.writes()) {
        if (write.value().size() > contract::kMaxValueBytes) return "a value is too large";
        if (write.remove() && !write.value().empty()) return "a removal has a value";
        written.insert(write.key());
    }
    for (const auto& range : result.ranges())
        if (range.limit() > kMaxRangeRead || !is_full_key(range.start()) || !is_full_key(range.end()))
            return "a range is out of bounds";
    for (const auto& delta : result.deltas())
        if (!is_full_key(delta.key()) || delta.min() > delta.max() || written.contains(delta.key()))
            return "a delta is out of order";
    for (const auto& event : result.events())
        if (event.payload().size() > contract::kMaxEventBytes || !contract::is_function_name(event.name()) ||
            !contract::is_contract_name(event.contract()))
            return "an event is out of bounds";
    return {};
}

Verdict malformed(std::string what) {
    return {proto::MALFORMED, std::move(what)};
}

bool is_channels_own(std::string_view key) {
    return key.starts_with(contract::kChannelContract) &&
           key.substr(contract::kChannelContract.size()).starts_with('/');
}

/// Only a config transaction writes the channel config, and it writes nothing else.
std::string check_config_writes(const proto::Proposal& proposal, const proto::ProposalResult& result) {
    const auto own = [](const auto& change) { return is_channels_own(change.key()); };
    if (proposal.contract() != contract::kChannelContract)
        return std::ranges::any_of(result.writes(), own) || std::ranges::any_of(result.deltas(), own)
                   ? "writes the channel config without being a config transaction"
                   : "";
    const auto update = proto::decode<proto::ConfigUpdate>(proposal.arguments());
    if (!update || result.deltas_size() != 0 || result.writes_size() != 1 ||
        result.writes(0).key() != contract::kFullConfigKey || result.writes(0).value() != update->config())
        return "a config transaction that does not write its config";
    return {};
}

Verdict check_parsed(const contract::Channel& channel, CheckedTransaction& checked, TimePoint block_time) {
    auto proposal = contract::parse_proposal(as_bytes(checked.transaction.signed_proposal().proposal()));
    if (!proposal) return malformed(proposal.error().message);
    checked.proposal = std::move(*proposal);
    if (checked.proposal.channel() != channel.name()) return malformed("the proposal is of another channel");
    if (checked.proposal.intent() != proto::INTENT_SUBMIT) return malformed("a query can never be committed");
    if (!checked.result.ParseFromString(checked.transaction.result())) return malformed("the result does not parse");
    if (checked.result.transaction_id() != as_text(checked.id))
        return malformed("the result is of another transaction");
    if (auto wrong = check_result(checked.result); !wrong.empty()) return malformed(std::move(wrong));
    if (auto wrong = check_config_writes(checked.proposal, checked.result); !wrong.empty())
        return malformed(std::move(wrong));
    if (!at_most(checked.transaction.endorsements(), channel.nodes().size()))
        return malformed("more endorsements than nodes");
    return check_creation_time(checked.proposal, block_time);
}

Verdict check_endorsements(const contract::Channel& channel, const CheckedTransaction& checked) {
    if (checked.result.config_epoch() != channel.epoch())
        return {proto::STALE_CONFIG, "endorsed under config epoch " + std::to_string(checked.result.config_epoch()) +
                                         ", in force is " + std::to_string(channel.epoch()) + "; retry"};
    const auto leaf = contract::endorsement_leaf(checked.id, as_bytes(checked.transaction.result()));
    std::set<std::string_view> organisations;
    for (const auto& endorsement : checked.transaction.endorsements()) {
        if (organisations.size() >= channel.endorsing_organisations()) break;
        const auto* node = channel.node(endorsement.node());
        if (node == nullptr || organisations.contains(node->organisation)) continue;
        if (contract::verify_endorsement(channel, endorsement, leaf)) organisations.insert(node->organisation);
    }
    if (organisations.size() >= channel.endorsing_organisations()) return {};
    return {proto::POLICY_NOT_MET, "endorsed by " + std::to_string(organisations.size()) + " organisations, " +
                                       std::to_string(channel.endorsing_organisations()) + " must"};
}

/// Endorsers do not decide who may vote: the admins' approvals are looked at by every node.
Verdict check_config(const contract::Channel& channel, const CheckedTransaction& checked, TimePoint block_time) {
    if (checked.proposal.contract() != contract::kChannelContract) return {};
    const auto update = proto::decode<proto::ConfigUpdate>(checked.proposal.arguments());
    if (!update) return {proto::CONFIG_REFUSED, "malformed"};
    const auto next = channel.successor(*update, block_time);
    return next ? Verdict{} : Verdict{proto::CONFIG_REFUSED, next.error().code};
}

}  // namespace

Verdict check_creation_time(const proto::Proposal& proposal, TimePoint block_time) {
    const auto difference = base::from_us(proposal.created_at_us()) - block_time;
    if (std::chrono::abs(difference) <= kMaxTimeDifference) return {};
    return {proto::TIME_OUT_OF_RANGE, "created " + std::to_string(std::chrono::abs(difference).count()) +
                                          (difference.count() < 0 ? " us before" : " us after") +
                                          " the block's time, at most 60 s are allowed"};
}

CheckedTransaction check_form(const contract::Channel& channel, ByteView bytes, TimePoint block_time) {
    CheckedTransaction checked;
    if (bytes.size() > channel.config().limits().max_transaction_bytes()) {
        checked.form = malformed("the transaction is too large");
    } else if (!checked.transaction.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
        checked.form = malformed("the transaction does not parse");
    } else {
        checked.id = proto::transaction_id(checked.transaction.signed_proposal());
        checked.has_id = true;
        checked.form = check_parsed(channel, checked, block_time);
    }
    return checked;
}

Verdict verify_signatures(const contract::Channel& channel, const CheckedTransaction& checked, TimePoint block_time) {
    const auto caller = channel.authenticate(checked.transaction.signed_proposal(), checked.proposal, block_time);
    if (!caller) return {proto::BAD_CREATOR_SIGNATURE, caller.error().code};
    if (auto endorsed = check_endorsements(channel, checked); !endorsed.valid()) return endorsed;
    return check_config(channel, checked, block_time);
}

}  // namespace fairstream::ledger::validate
