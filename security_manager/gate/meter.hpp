#pragma once

#include <cstdint>
#include <map>
#include <vector>

namespace fairstream::security_manager::gate {

struct SequenceRange {
    std::uint64_t first = 0;
    std::uint64_t last = 0;  // inclusive
    bool operator==(const SequenceRange&) const = default;
};

/// Which sequence numbers were served, as disjoint ranges: counting one twice changes nothing, so a broker may ask
/// about the same frame as often as it likes. Bounded: a reader that leaves more than kMaxRanges gaps is told to read
/// in order.
class Meter {
public:
    static constexpr std::size_t kMaxRanges = 4096;

    /// False, and nothing counted, if it would need one range too many. Precondition: first <= last.
    bool add(std::uint64_t first, std::uint64_t last);
    /// False if adding an entry there would need one range too many.
    bool has_room_at(std::uint64_t sequence) const;
    bool contains(std::uint64_t sequence) const;
    /// The last number, at most `last`, such that [first, it] holds at most `room` numbers that are not counted;
    /// first - 1 if there is none. Precondition: 1 <= first <= last.
    std::uint64_t reach(std::uint64_t first, std::uint64_t last, std::uint64_t room) const;
    std::uint64_t entries() const { return entries_; }
    std::vector<SequenceRange> ranges() const;

private:
    std::map<std::uint64_t, std::uint64_t> ranges_;  // first -> last; neither overlapping nor adjacent
    std::uint64_t entries_ = 0;
};

}  // namespace fairstream::security_manager::gate
