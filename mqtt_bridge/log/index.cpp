#include "mqtt_bridge/log/index.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace fairstream::mqtt_bridge::log {

Outcome Index::judge(const Record& record) const {
    const auto found = streams_.find(record.stream);
    const Position position = found == streams_.end() ? Position{} : found->second.position;
    if (record.first > position.through + 1) return Outcome::kGap;
    if (record.first == position.through + 1)
        return record.previous == position.head ? Outcome::kAppended : Outcome::kConflict;
    if (record.last <= found->second.removed.through) return Outcome::kDuplicate;  // was here once, and is gone
    const auto held = from(record.stream, record.first);
    const bool same = !held.empty() && held.front().first == record.first && held.front().last == record.last &&
                      held.front().head == record.head;
    return same ? Outcome::kDuplicate : Outcome::kConflict;
}

void Index::add(const Record& record, Place place) {
    Stream& stream = streams_[record.stream];
    FS_ASSERT(record.first == stream.position.through + 1 && record.last >= record.first);
    stream.entries.push_back({record.first, record.last, record.head, place});
    stream.position = {record.last, record.head};
    ++live_[place.segment];
}

Position Index::remove(const StreamHash& id, std::uint64_t through) {
    const auto found = streams_.find(id);
    if (found == streams_.end()) return {};
    Stream& stream = found->second;
    auto end = stream.entries.begin();
    for (; end != stream.entries.end() && end->last <= through; ++end) {
        --live_[end->place.segment];
        stream.removed = {end->last, end->head};
    }
    stream.entries.erase(stream.entries.begin(), end);
    return stream.removed;
}

void Index::begin_after(const StreamHash& id, Position removed) {
    FS_ASSERT(!streams_.contains(id));
    streams_[id] = {.position = removed, .removed = removed, .entries = {}};
}

std::vector<std::pair<StreamHash, Position>> Index::removed() const {
    std::vector<std::pair<StreamHash, Position>> out;
    for (const auto& [id, stream] : streams_)
        if (stream.removed.through > 0) out.emplace_back(id, stream.removed);
    return out;
}

Position Index::mark(const StreamHash& stream) const {
    const auto found = streams_.find(stream);
    return found == streams_.end() ? Position{} : found->second.position;
}

std::vector<std::pair<StreamHash, Position>> Index::marks() const {
    std::vector<std::pair<StreamHash, Position>> out;
    out.reserve(streams_.size());
    for (const auto& [id, stream] : streams_) out.emplace_back(id, stream.position);
    return out;
}

std::span<const Index::Entry> Index::from(const StreamHash& id, std::uint64_t from) const {
    const auto found = streams_.find(id);
    if (found == streams_.end()) return {};
    const auto& entries = found->second.entries;
    const auto first = std::ranges::lower_bound(entries, from, {}, &Entry::last);
    if (first == entries.end() || first->first > from) return {};
    return {first, entries.end()};
}

Hash Index::head_before(const StreamHash& id, std::uint64_t first) const {
    const Stream& stream = streams_.at(id);
    const auto entry = std::ranges::lower_bound(stream.entries, first, {}, &Entry::first);
    FS_ASSERT(entry != stream.entries.end() && entry->first == first);
    return entry == stream.entries.begin() ? stream.removed.head : std::prev(entry)->head;
}

bool Index::is_removed(const StreamHash& stream, std::uint64_t sequence) const {
    const auto found = streams_.find(stream);
    return found != streams_.end() && sequence > 0 && sequence <= found->second.removed.through;
}

std::size_t Index::live_in(std::uint32_t segment) const {
    const auto found = live_.find(segment);
    return found == live_.end() ? 0 : found->second;
}

}  // namespace fairstream::mqtt_bridge::log
