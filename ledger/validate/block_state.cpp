#include "ledger/validate/block_state.hpp"

#include "base/encoding.hpp"
#include "ledger/contract/keys.hpp"
#include "ledger/contract/limits.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::validate {

namespace crypto = identity::crypto;
using contract::printable;

namespace {

/// SHA-256 over lp(key, one byte: 1 written or 0 removed, value) of what was applied, in key order.
std::string writes_hash(const state::Overlay& writes) {
    crypto::Hasher hasher;
    for (const auto& [key, pending] : writes.changes()) {
        const std::uint8_t written = pending.value ? 1 : 0;
        hasher.update(base::lp(key, ByteView(&written, 1), pending.value ? ByteView(*pending.value) : ByteView{}));
    }
    return proto::as_field(hasher.finish());
}

std::optional<contract::Version> version_of(const proto::Read& read) {
    if (!read.has_version()) return std::nullopt;
    return contract::Version{.block = read.version().block(), .index = read.version().index()};
}

std::string position(const contract::Version& version) {
    return "block " + std::to_string(version.block) + ", transaction " + std::to_string(version.index);
}

}  // namespace

bool uses_up_id(proto::ValidationCode code) {
    return code == proto::VALID || code == proto::READ_CONFLICT || code == proto::RANGE_CONFLICT ||
           code == proto::GUARD_NOT_MET || code == proto::DELTA_OUT_OF_BOUNDS;
}

/// Names the transaction at `version`: by its id if it is in this block, else by where it stands.
std::string BlockState::writer(const contract::Version& version) const {
    if (version.block != height_ || version.index >= ids_.size()) return position(version);
    return "transaction " + base::to_hex(ids_[version.index]) + " (" + position(version) + ")";
}

Result<proto::Outcome> BlockState::decide(const CheckedTransaction& checked) {
    state::Overlay writes;
    FS_ASSIGN(auto verdict, judge(checked, writes));
    proto::Outcome outcome;
    if (checked.has_id) outcome.set_transaction_id(proto::as_field(checked.id));
    outcome.set_code(verdict.code);
    outcome.set_reason(std::move(verdict.reason));
    if (outcome.code() == proto::VALID) {
        outcome.set_writes_hash(writes_hash(writes));
        for (const auto& [key, pending] : writes.changes()) changed_.set(key, pending.value, pending.version);
    }
    if (uses_up_id(outcome.code())) {
        used_.emplace_back(checked.id, state::TransactionRecord{here(), outcome});
        used_at_.emplace(checked.id, index_);
    } else {
        others_.emplace(index_, outcome);
    }
    ids_.push_back(checked.id);
    ++index_;
    return outcome;
}

Result<Verdict> BlockState::judge(const CheckedTransaction& checked, state::Overlay& writes) {
    if (!checked.form.valid()) return checked.form;
    FS_ASSIGN(auto unused, check_unused(checked));
    if (!unused.valid()) return unused;
    if (!checked.signatures.valid()) return checked.signatures;
    FS_ASSIGN(auto reads, check_reads(checked.result));
    if (!reads.valid()) return reads;
    FS_ASSIGN(auto ranges, check_ranges(checked.result));
    if (!ranges.valid()) return ranges;
    if (auto guards = check_guards(checked.result); !guards.valid()) return guards;
    return gather_writes(checked.result, writes);
}

Result<Verdict> BlockState::check_unused(const CheckedTransaction& checked) const {
    if (const auto used = used_at_.find(checked.id); used != used_at_.end())
        return Verdict{proto::DUPLICATE_ID, "used up by " + position({height_, used->second})};
    FS_ASSIGN(const auto earlier, before_.transaction(checked.id));
    if (earlier) return Verdict{proto::DUPLICATE_ID, "used up by " + position(earlier->at)};
    return Verdict{};
}

Result<Verdict> BlockState::check_reads(const proto::ProposalResult& result) const {
    for (const auto& read : result.reads()) {
        const auto expected = version_of(read);
        FS_ASSIGN(const auto current, changed_.get(before_, read.key()));
        if (current ? current->version == expected : !expected) continue;
        const auto* here = changed_.find(read.key());
        std::string reason = printable(read.key());
        if (here != nullptr) {
            reason += (here->value ? " was changed by " : " was removed by ") + writer(here->version);
        } else if (current) {
            reason += " was changed by " + writer(current->version);
        } else {
            reason += " is gone";
        }
        reason += expected ? ", after it was read as of " + position(*expected) : ", after it was read as absent";
        return Verdict{proto::READ_CONFLICT, std::move(reason)};
    }
    return Verdict{};
}

Result<Verdict> BlockState::check_ranges(const proto::ProposalResult& result) const {
    for (const auto& range : result.ranges()) {
        FS_ASSIGN(const auto entries, changed_.range(before_, range.start(), range.end(), range.limit()));
        if (as_text(state::range_hash(entries)) == range.hash()) continue;
        FS_ASSIGN(const auto who, who_changed(range));
        return Verdict{proto::RANGE_CONFLICT, "the range from " + printable(range.start()) + " to " +
                                                  printable(range.end()) + " changed" + who};
    }
    return Verdict{};
}

/// The newest change that lies in the range now. What was removed in an earlier block leaves no trace to name.
Result<std::string> BlockState::who_changed(const proto::RangeRead& range) const {
    std::string key;
    contract::Version newest;
    const auto consider = [&](const std::string& candidate, const contract::Version& version) {
        if (!key.empty() && version <= newest) return;
        key = candidate;
        newest = version;
    };
    const auto& changes = changed_.changes();
    for (auto change = changes.lower_bound(range.start()); change != changes.end() && change->first < range.end();
         ++change)
        consider(change->first, change->second.version);
    if (key.empty()) {
        FS_ASSIGN(const auto entries, before_.range(range.start(), range.end(), range.limit()));
        for (const auto& entry : entries) consider(entry.key, entry.version);
    }
    if (key.empty()) return std::string(": it is empty now");
    return "; the newest change in it is to " + printable(key) + " by " + writer(newest);
}

Verdict BlockState::check_guards(const proto::ProposalResult& result) const {
    const auto label = [](std::uint64_t us) {
        return us <= contract::kMaxTimeUs ? base::to_rfc3339(base::from_us(us)) : std::to_string(us) + " us";
    };
    if (result.not_before_us() != 0 && time_us_ <= result.not_before_us())
        return {proto::GUARD_NOT_MET,
                "allowed after " + label(result.not_before_us()) + "; the block's time is " + label(time_us_)};
    if (result.not_after_us() != 0 && time_us_ >= result.not_after_us())
        return {proto::GUARD_NOT_MET,
                "allowed before " + label(result.not_after_us()) + "; the block's time is " + label(time_us_)};
    return {};
}

Result<Verdict> BlockState::gather_writes(const proto::ProposalResult& result, state::Overlay& writes) const {
    for (const auto& write : result.writes())
        writes.set(write.key(), write.remove() ? std::nullopt : std::optional(to_bytes(as_bytes(write.value()))),
                   here());
    for (const auto& delta : result.deltas()) {
        std::optional<Bytes> value;
        if (const auto* own = writes.find(delta.key())) {
            value = own->value;
        } else {
            FS_ASSIGN(auto entry, changed_.get(before_, delta.key()));
            if (entry) value = std::move(entry->value);
        }
        const auto current = value ? contract::decode_integer(*value) : Result<std::int64_t>(0);
        if (!current) return Verdict{proto::DELTA_OUT_OF_BOUNDS, printable(delta.key()) + " is not an integer"};
        std::int64_t sum = 0;
        if (__builtin_add_overflow(*current, delta.amount(), &sum) || sum < delta.min() || sum > delta.max())
            return Verdict{proto::DELTA_OUT_OF_BOUNDS, printable(delta.key()) + ": " + std::to_string(*current) +
                                                           " plus " + std::to_string(delta.amount()) +
                                                           " is not between " + std::to_string(delta.min()) + " and " +
                                                           std::to_string(delta.max())};
        writes.set(delta.key(), contract::encode_integer(sum), here());
    }
    return Verdict{};
}

void BlockState::finish(state::Batch& batch) && {
    for (const auto& [key, pending] : changed_.changes())
        batch.changes.push_back({.key = key, .value = pending.value, .version = pending.version});
    batch.transactions = std::move(used_);
    batch.other_outcomes = std::move(others_);
}

}  // namespace fairstream::ledger::validate
