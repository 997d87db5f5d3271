#include "ledger/endorse/effects.hpp"

#include <algorithm>

#include "ledger/contract/keys.hpp"
#include "ledger/contract/limits.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::endorse {

using contract::Entry;
using contract::printable;

namespace {

constexpr contract::Version kOwnVersion{};

tl::unexpected<Error> too_many(std::string_view what, std::size_t bound) {
    return fail("too_many", "a transaction may have at most " + std::to_string(bound) + " " + std::string(what));
}

/// `value` + `delta.amount`. Errors: out_of_bounds.
Result<std::int64_t> add_within(std::int64_t value, const proto::Delta& delta) {
    std::int64_t sum = 0;
    if (__builtin_add_overflow(value, delta.amount(), &sum) || sum < delta.min() || sum > delta.max())
        return fail("out_of_bounds", printable(delta.key()) + ": " + std::to_string(value) + " plus " +
                                         std::to_string(delta.amount()) + " is not between " +
                                         std::to_string(delta.min()) + " and " + std::to_string(delta.max()));
    return sum;
}

Result<std::int64_t> integer_of(const std::optional<Entry>& entry) {
    return entry ? contract::decode_integer(entry->value) : Result<std::int64_t>(0);
}

}  // namespace

Result<std::optional<Entry>> Effects::committed(const std::string& key) {
    FS_ASSIGN(auto entry, ground_.snapshot.get(key));
    if (reads_.size() >= contract::kMaxReads && !reads_.contains(key)) return too_many("reads", contract::kMaxReads);
    reads_.emplace(key, entry ? std::optional(entry->version) : std::nullopt);
    return entry;
}

Result<std::optional<Entry>> Effects::get(const std::string& key) {
    if (const auto* own = changes_.written.find(key))
        return own->value ? std::optional<Entry>{{key, *own->value, own->version}} : std::nullopt;
    FS_ASSIGN(auto entry, committed(key));
    FS_TRY(apply_deltas(key, entry));
    return entry;
}

Status Effects::set(const std::string& key, std::optional<Bytes> value) {
    if (value && value->size() > contract::kMaxValueBytes)
        return fail("too_large", "the value under " + printable(key) + " has " + std::to_string(value->size()) +
                                     " bytes, at most 1048576 are allowed");
    if (has_deltas(key)) return fail("mixed_access", printable(key) + " was added to; it cannot be written as well");
    if (changes_.written.changes().size() >= contract::kMaxWrites && changes_.written.find(key) == nullptr)
        return too_many("writes", contract::kMaxWrites);
    changes_.written.set(key, std::move(value), kOwnVersion);
    return {};
}

Result<std::vector<Entry>> Effects::range(const std::string& start, const std::string& end, std::uint32_t limit) {
    if (limit == 0 || limit > contract::kMaxRangeLimit)
        return fail("too_many", "a range returns 1 to 1000 entries, not " + std::to_string(limit));
    if (ranges_.size() >= contract::kMaxRanges) return too_many("ranges", contract::kMaxRanges);
    if (start >= end) return std::vector<Entry>{};
    const std::uint32_t limit_below = changes_.written.limit_below(start, end, limit);
    FS_ASSIGN(auto entries, ground_.snapshot.range(start, end, limit_below));

    auto& read = ranges_.emplace_back();
    read.set_start(start);
    read.set_end(end);
    read.set_limit(limit_below);
    read.set_hash(proto::as_field(state::range_hash(entries)));

    // Integers that were added to are shown with their deltas, like anything else that this transaction changed.
    state::Overlay shown = changes_.written;
    for (const auto& delta : changes_.deltas) {
        if (delta.key() < start || delta.key() >= end) continue;
        FS_ASSIGN(auto entry, get(delta.key()));
        if (entry) shown.set(delta.key(), std::move(entry->value), kOwnVersion);
    }
    return shown.merge(std::move(entries), start, end, limit);
}

Status Effects::add(const std::string& key, const proto::Delta& delta) {
    if (delta.min() > delta.max()) return fail("bad_arguments", "the bounds of " + printable(key) + " are reversed");
    if (const auto* own = changes_.written.find(key)) {
        FS_ASSIGN(const auto before, own->value ? contract::decode_integer(*own->value) : Result<std::int64_t>(0));
        FS_ASSIGN(const auto after, add_within(before, delta));
        return set(key, contract::encode_integer(after));
    }
    if (changes_.deltas.size() >= contract::kMaxDeltas) return too_many("deltas", contract::kMaxDeltas);
    FS_ASSIGN(auto entry, ground_.snapshot.get(key));  // an early check only: no read is recorded
    FS_TRY(apply_deltas(key, entry));
    FS_ASSIGN(const auto before, integer_of(entry));
    FS_TRY(add_within(before, delta));
    changes_.deltas.push_back(delta);
    return {};
}

bool Effects::has_deltas(std::string_view key) const {
    return std::any_of(changes_.deltas.begin(), changes_.deltas.end(),
                       [&](const proto::Delta& delta) { return delta.key() == key; });
}

Status Effects::apply_deltas(const std::string& key, std::optional<Entry>& entry) const {
    for (const auto& delta : changes_.deltas) {
        if (delta.key() != key) continue;
        FS_ASSIGN(const auto before, integer_of(entry));
        FS_ASSIGN(const auto after, add_within(before, delta));
        entry = Entry{key, contract::encode_integer(after), kOwnVersion};
    }
    return {};
}

Status Effects::emit(proto::Event event) {
    if (!contract::is_function_name(event.name()))
        return fail("bad_arguments", "an event's name has 1 to 64 of A-Z a-z 0-9 _ . -");
    if (event.payload().size() > contract::kMaxEventBytes)
        return fail("too_large", "event " + event.name() + " has more than 65536 bytes");
    if (changes_.events.size() >= contract::kMaxEvents) return too_many("events", contract::kMaxEvents);
    changes_.events.push_back(std::move(event));
    return {};
}

Status Effects::put_private(const std::string& key, ByteView salt, ByteView value) {
    if (value.size() > contract::kMaxPrivateBytes)
        return fail("too_large", "a private value has more than 524288 bytes");
    auto& entries = changes_.private_entries;
    if (entries.size() >= contract::kMaxPrivateWrites && !entries.contains(key))
        return too_many("private writes", contract::kMaxPrivateWrites);
    proto::PrivateEntry entry;
    entry.set_key(key);
    entry.set_salt(proto::as_field(identity::crypto::hmac_sha256(salt, as_bytes(key))));
    entry.set_value(proto::as_field(value));
    const auto hash = state::private_hash(as_bytes(entry.salt()), as_bytes(key), value);
    FS_TRY(set(key, to_bytes(ByteView(hash))));
    entries.insert_or_assign(key, std::move(entry));
    return {};
}

const proto::PrivateEntry* Effects::own_private(const std::string& key) const {
    const auto found = changes_.private_entries.find(key);
    return found == changes_.private_entries.end() ? nullptr : &found->second;
}

void Effects::require_after(std::uint64_t us) {
    not_before_us_ = std::max(not_before_us_, us);
}

void Effects::require_before(std::uint64_t us) {
    // 0 says "no guard"; no block is earlier than 1 either.
    us = std::max<std::uint64_t>(us, 1);
    not_after_us_ = not_after_us_ == 0 ? us : std::min(not_after_us_, us);
}

Simulation Effects::finish() && {
    Simulation out;
    auto& result = out.result;
    for (const auto& [key, version] : reads_) {
        auto& read = *result.add_reads();
        read.set_key(key);
        if (!version) continue;
        read.mutable_version()->set_block(version->block);
        read.mutable_version()->set_index(version->index);
    }
    for (auto& range : ranges_) *result.add_ranges() = std::move(range);
    for (const auto& [key, pending] : changes_.written.changes()) {
        auto& write = *result.add_writes();
        write.set_key(key);
        write.set_remove(!pending.value);
        if (pending.value) write.set_value(proto::as_field(*pending.value));
    }
    for (auto& delta : changes_.deltas) *result.add_deltas() = std::move(delta);
    result.set_not_before_us(not_before_us_);
    result.set_not_after_us(not_after_us_);
    for (auto& event : changes_.events) *result.add_events() = std::move(event);
    for (auto& [key, entry] : changes_.private_entries) {
        auto& write = *result.add_private_writes();
        write.set_key(key);
        write.set_salted_hash(proto::as_field(*changes_.written.find(key)->value));
        out.private_entries.push_back(std::move(entry));
    }
    return out;
}

}  // namespace fairstream::ledger::endorse
