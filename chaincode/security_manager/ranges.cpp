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
