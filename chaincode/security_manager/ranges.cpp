#include "chaincode/security_manager/ranges.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace fairstream::chaincode::security_manager {

namespace {

using Range = std::pair<std::uint64_t, std::uint64_t>;

/// Of all operators, or of one; sorted.
std::vector<Range> ranges_of(const schema::DeliveryReceipt& receipt, std::string_view operator_name = {}) {
    std::vector<Range> all;
    for (const auto& served : receipt.served())
        if (operator_name.empty() || served.operator_() == operator_name)
            for (const auto& range : served.ranges()) all.emplace_back(range.first(), range.last());
    std::sort(all.begin(), all.end());
    return all;
}

/// The same set with neighbours joined. Precondition: sorted and disjoint.
std::vector<Range> joined(const std::vector<Range>& sorted) {
    std::vector<Range> out;
    for (const auto& range : sorted) {
        if (!out.empty() && out.back().second + 1 == range.first)
            out.back().second = range.second;
        else
            out.push_back(range);
    }
    return out;
}

/// What of `all` is not in `held`. Precondition: both are sorted and disjoint.
std::vector<Range> without(const std::vector<Range>& all, const std::vector<Range>& held) {
    std::vector<Range> left;
    auto old = held.begin();
    for (const auto& [first, last] : all) {
        auto next = first;
        while (old != held.end() && old->second < next) ++old;
        for (auto at = old; at != held.end() && at->first <= last && next <= last; ++at) {
            if (at->first > next) left.emplace_back(next, at->first - 1);
            next = at->second + 1;
        }
        if (next <= last) left.emplace_back(next, last);
    }
    return left;
}

void add_served(schema::DeliveryReceipt& receipt, const std::string& operator_name, const std::vector<Range>& ranges) {
    if (ranges.empty()) return;
    auto& served = *receipt.add_served();
    served.set_operator_(operator_name);
    for (const auto& [first, last] : ranges) {
        auto& range = *served.add_ranges();
        range.set_first(first);
        range.set_last(last);
    }
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
    const auto all = ranges_of(receipt);
    const auto overlap = [](const Range& a, const Range& b) { return b.first <= a.second; };
    return std::adjacent_find(all.begin(), all.end(), overlap) == all.end();
}

schema::DeliveryReceipt added(const schema::DeliveryReceipt& before, const schema::DeliveryReceipt& now) {
    const auto held = ranges_of(before);
    schema::DeliveryReceipt more;
    for (const auto& served : now.served())
        add_served(more, served.operator_(), joined(without(ranges_of(now, served.operator_()), held)));
    return more;
}

schema::DeliveryReceipt merged(const schema::DeliveryReceipt& before, const schema::DeliveryReceipt& more,
                               std::uint64_t through) {
    auto out = before;
    for (const auto& served : more.served()) {
        auto all = ranges_of(before, served.operator_());
        for (const auto& range : served.ranges())
            if (range.first() <= through) all.emplace_back(range.first(), std::min(range.last(), through));
        std::sort(all.begin(), all.end());
        auto& list = *out.mutable_served();
        list.erase(std::remove_if(list.begin(), list.end(),
                                  [&](const auto& one) { return one.operator_() == served.operator_(); }),
                   list.end());
        add_served(out, served.operator_(), joined(all));
    }
    return out;
}

const schema::OperatorRanges* find_served(const schema::DeliveryReceipt& receipt, std::string_view operator_name) {
    for (const auto& served : receipt.served())
        if (served.operator_() == operator_name) return &served;
    return nullptr;
}

}  // namespace fairstream::chaincode::security_manager
