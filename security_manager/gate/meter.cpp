#include "security_manager/gate/meter.hpp"

#include <algorithm>
#include <iterator>
#include <limits>

namespace fairstream::security_manager::gate {

bool Meter::add(std::uint64_t first, std::uint64_t last) {
    constexpr auto kEnd = std::numeric_limits<std::uint64_t>::max();
    // The first range that could touch [first, last]: it may begin before, and end at first - 1 or later.
    auto begin = ranges_.upper_bound(first);
    if (begin != ranges_.begin()) {
        const auto before = std::prev(begin);
        if (first == 0 || before->second >= first - 1) begin = before;
    }
    auto end = begin;
    std::uint64_t covered = 0;
    std::uint64_t new_first = first;
    std::uint64_t new_last = last;
    for (; end != ranges_.end() && (last == kEnd || end->first <= last + 1); ++end) {
        covered += end->second - end->first + 1;
        new_first = std::min(new_first, end->first);
        new_last = std::max(new_last, end->second);
    }
    if (begin == end && ranges_.size() >= kMaxRanges) return false;
    ranges_.erase(begin, end);
    ranges_.emplace(new_first, new_last);
    entries_ += new_last - new_first + 1 - covered;
    return true;
}

bool Meter::contains(std::uint64_t sequence) const {
    const auto after = ranges_.upper_bound(sequence);
    return after != ranges_.begin() && std::prev(after)->second >= sequence;
}

bool Meter::has_room_at(std::uint64_t sequence) const {
    return ranges_.size() < kMaxRanges || contains(sequence) || (sequence > 0 && contains(sequence - 1)) ||
           (sequence < std::numeric_limits<std::uint64_t>::max() && contains(sequence + 1));
}

std::uint64_t Meter::reach(std::uint64_t first, std::uint64_t last, std::uint64_t room) const {
    auto next = ranges_.upper_bound(first);
    if (next != ranges_.begin() && std::prev(next)->second >= first) --next;
    for (std::uint64_t at = first;; ++next) {
        if (next == ranges_.end() || next->first > at) {
            const std::uint64_t gap_end = next == ranges_.end() ? last : std::min(last, next->first - 1);
            if (gap_end - at >= room) return at + room - 1;
            room -= gap_end - at + 1;
            if (gap_end == last) return last;
        }
        if (next->second >= last) return last;
        at = next->second + 1;
    }
}

std::vector<SequenceRange> Meter::ranges() const {
    std::vector<SequenceRange> out;
    out.reserve(ranges_.size());
    for (const auto& [first, last] : ranges_) out.push_back({first, last});
    return out;
}

}  // namespace fairstream::security_manager::gate
