#include "chaincode/security_manager/ranges.hpp"

#include <algorithm>
#include <utility>

namespace fairstream::chaincode::security_manager {

namespace {

using Range = std::pair<std::uint64_t, std::uint64_t>;

/// The same set with neighbours joined.
std::vector<Range> joined(const schema::OperatorRanges& served) {
    std::vector<Range> all;
    for (const auto& range : served.ranges()) {
        if (!all.empty() && all.back().second + 1 == range.first())
            all.back().second = range.last();
        else
            all.emplace_back(range.first(), range.last());
    }
    return all;
}

std::vector<Range> of_operator(const schema::DeliveryReceipt& receipt, std::string_view name) {
    for (const auto& served : receipt.served())
        if (served.operator_() == name) return joined(served);
    return {};
}

schema::SequenceRange range_of(std::uint64_t first, std::uint64_t last) {
    schema::SequenceRange range;
    range.set_first(first);
    range.set_last(last);
    return range;
}

bool includes(const std::vector<Range>& after, const Range& range) {
    return std::any_of(after.begin(), after.end(),
                       [&](const Range& one) { return one.first <= range.first && range.second <= one.second; });
}

}  // namespace

Status check_ranges(const schema::OperatorRanges& served, std::uint64_t first, std::uint64_t last) {
    if (served.ranges_size() < 1 || served.ranges_size() > kMaxRanges)
        return fail("bad_receipt", "1 to 64 ranges per operator");
    std::uint64_t next = first;
    for (const auto& range : served.ranges()) {
        if (range.first() < next || range.last() < range.first() || range.last() > last)
            return fail("bad_receipt", "ranges are not ascending and disjoint within what was granted");
        next = range.last() + 1;
    }
    return {};
}

std::uint64_t count(const schema::OperatorRanges& served) {
    std::uint64_t entries = 0;
    for (const auto& range : served.ranges()) entries += range.last() - range.first() + 1;
    return entries;
}

bool disjoint(const schema::DeliveryReceipt& receipt) {
    std::vector<Range> all;
    for (const auto& served : receipt.served())
        for (const auto& range : served.ranges()) all.emplace_back(range.first(), range.last());
    std::sort(all.begin(), all.end());
    const auto overlap = [](const Range& a, const Range& b) { return b.first <= a.second; };
    return std::adjacent_find(all.begin(), all.end(), overlap) == all.end();
}

std::vector<schema::SequenceRange> added(const schema::DeliveryReceipt& before, const schema::OperatorRanges& after) {
    const auto held = of_operator(before, after.operator_());
    std::vector<schema::SequenceRange> fresh;
    for (const auto& [first, last] : joined(after)) {
        auto next = first;
        for (const auto& old : held) {
            if (old.second < next || old.first > last) continue;
            if (old.first > next) fresh.push_back(range_of(next, old.first - 1));
            next = old.second + 1;
        }
        if (next <= last) fresh.push_back(range_of(next, last));
    }
    return fresh;
}

schema::DeliveryReceipt accepted(const schema::DeliveryReceipt& before, const schema::DeliveryReceipt& after,
                                 std::uint64_t through) {
    auto kept = after;
    kept.clear_served();
    for (const auto& one : after.served()) {
        std::vector<Range> all = of_operator(before, one.operator_());
        for (const auto& range : added(before, one))
            if (range.first() <= through) all.emplace_back(range.first(), std::min(range.last(), through));
        if (all.empty()) continue;
        std::sort(all.begin(), all.end());
        schema::OperatorRanges ranges;
        ranges.set_operator_(one.operator_());
        for (const auto& [first, last] : all) *ranges.add_ranges() = range_of(first, last);
        auto& served = *kept.add_served();
        served.set_operator_(one.operator_());
        for (const auto& [first, last] : joined(ranges)) *served.add_ranges() = range_of(first, last);
    }
    return kept;
}

bool includes(const schema::DeliveryReceipt& after, const schema::DeliveryReceipt& before) {
    return std::all_of(before.served().begin(), before.served().end(), [&](const auto& old) {
        const auto& all = after.served();
        const auto now =
            std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.operator_() == old.operator_(); });
        if (now == all.end()) return false;
        const auto held = joined(*now);
        const auto kept = joined(old);
        return std::all_of(kept.begin(), kept.end(), [&](const Range& range) { return includes(held, range); });
    });
}

}  // namespace fairstream::chaincode::security_manager
