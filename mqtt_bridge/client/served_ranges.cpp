#include "mqtt_bridge/client/served_ranges.hpp"

#include <algorithm>
#include <charconv>
#include <sstream>

namespace fairstream::mqtt_bridge::client {

namespace schema = chaincode::schema;

Result<ServedRanges> ServedRanges::from_receipt(const schema::DeliveryReceipt& receipt) {
    ServedRanges out;
    for (const auto& served : receipt.served())
        for (const auto& range : served.ranges()) {
            if (range.last() < range.first()) return fail("bad_receipt", "a range ends before it begins");
            out.add(served.operator_(), {range.first(), range.last()});
        }
    return out;
}

void ServedRanges::add(const std::string& operator_name, const Range& range) {
    by_operator_[operator_name].add(range.first, range.last);
    all_.add(range.first, range.last);
}

void ServedRanges::credit(const std::string& operator_name, std::uint64_t sequence) {
    if (all_.contains(sequence)) return;
    const auto served_before = [&](const auto& meter) { return sequence > 0 && meter.contains(sequence - 1); };
    const auto own = by_operator_.find(operator_name);
    const bool splits = own != by_operator_.end() && own->second.ranges().size() >= kMaxRanges &&
                        !served_before(own->second) && !own->second.contains(sequence + 1);
    std::string credited = operator_name;
    if (splits)
        for (const auto& [name, meter] : by_operator_)
            if (served_before(meter)) credited = name;
    add(credited, {sequence, sequence});
}

void ServedRanges::credit(const ServedRanges& other) {
    for (const auto& [name, meter] : other.by_operator_)
        for (const auto& [first, last] : meter.ranges())
            for (auto sequence = first; sequence <= last; ++sequence) credit(name, sequence);
}

bool ServedRanges::full() const {
    return std::ranges::any_of(by_operator_, [](const auto& one) { return one.second.ranges().size() >= kMaxRanges; });
}

std::vector<std::string> ServedRanges::operators() const {
    std::vector<std::string> names;
    for (const auto& [name, meter] : by_operator_) names.push_back(name);
    return names;
}

std::vector<schema::OperatorRanges> ServedRanges::served() const {
    std::vector<schema::OperatorRanges> out;
    for (const auto& [name, meter] : by_operator_) {
        schema::OperatorRanges& one = out.emplace_back();
        one.set_operator_(name);
        for (const auto& [first, last] : meter.ranges()) {
            schema::SequenceRange& range = *one.add_ranges();
            range.set_first(first);
            range.set_last(last);
        }
    }
    return out;
}

schema::DeliveryReceipt ServedRanges::to_receipt(const std::string& purchase, std::uint64_t counter) const {
    schema::DeliveryReceipt receipt;
    receipt.set_purchase(purchase);
    receipt.set_counter(counter);
    for (auto& one : served()) *receipt.add_served() = std::move(one);
    return receipt;
}

ServedRanges ServedRanges::up_to(std::uint64_t last) const {
    ServedRanges out;
    for (const auto& [name, meter] : by_operator_)
        for (const auto& range : meter.ranges())
            if (range.first <= last) out.add(name, {range.first, std::min(range.last, last)});
    return out;
}

std::vector<std::string> ServedRanges::to_texts() const {
    std::vector<std::string> texts;
    for (const auto& [name, meter] : by_operator_) {
        texts.push_back(name);
        for (const auto& [first, last] : meter.ranges())
            texts.back() += " " + std::to_string(first) + "-" + std::to_string(last);
    }
    return texts;
}

Result<ServedRanges> ServedRanges::from_texts(const std::vector<std::string>& texts) {
    ServedRanges out;
    for (const auto& text : texts) {
        std::istringstream words(text);
        std::string name, word;
        words >> name;
        while (words >> word) {
            FS_ASSIGN(const auto range, parse_range(word));
            out.add(name, range);
        }
    }
    return out;
}

Result<ServedRanges::Range> ServedRanges::parse_range(const std::string& word) {
    Range range;
    const char* end = word.data() + word.size();
    const auto [dash, bad_first] = std::from_chars(word.data(), end, range.first);
    if (bad_first == std::errc() && dash != end && *dash == '-') {
        const auto [rest, bad_last] = std::from_chars(dash + 1, end, range.last);
        if (bad_last == std::errc() && rest == end && range.first <= range.last) return range;
    }
    return fail("bad_ranges", "not FIRST-LAST: " + word);
}

}  // namespace fairstream::mqtt_bridge::client
