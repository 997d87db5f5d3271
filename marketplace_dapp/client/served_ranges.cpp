#include "marketplace_dapp/client/served_ranges.hpp"

#include <algorithm>
#include <charconv>
#include <sstream>

namespace fairstream::marketplace_dapp::client {

namespace schema = chaincode::schema;

namespace {

constexpr std::size_t kMaxRanges = 64;  // per operator, in a receipt

Result<ServedRanges::Range> parse_range(const std::string& word) {
    ServedRanges::Range range;
    const char* end = word.data() + word.size();
    const auto [dash, bad_first] = std::from_chars(word.data(), end, range.first);
    if (bad_first == std::errc() && dash != end && *dash == '-') {
        const auto [rest, bad_last] = std::from_chars(dash + 1, end, range.second);
        if (bad_last == std::errc() && rest == end && range.first <= range.second) return range;
    }
    return fail("bad_ranges", "not FIRST-LAST: " + word);
}

}  // namespace

void ServedRanges::add(const std::string& operator_name, std::uint64_t first, std::uint64_t last) {
    auto& ranges = served_[operator_name];
    if (!ranges.empty() && ranges.back().second + 1 == first)
        ranges.back().second = last;
    else
        ranges.emplace_back(first, last);
}

std::uint64_t ServedRanges::entries() const {
    std::uint64_t all = 0;
    for (const auto& [name, ranges] : served_)
        for (const auto& [first, last] : ranges) all += last - first + 1;
    return all;
}

ServedRanges ServedRanges::up_to(std::uint64_t last) const {
    ServedRanges out;
    for (const auto& [name, ranges] : served_)
        for (const auto& range : ranges)
            if (range.first <= last) out.add(name, range.first, std::min(range.second, last));
    return out;
}

bool ServedRanges::has_room(const std::string& operator_name, std::uint64_t next) const {
    const auto found = served_.find(operator_name);
    if (found == served_.end() || found->second.size() < kMaxRanges) return true;
    return found->second.back().second + 1 == next;
}

schema::DeliveryReceipt ServedRanges::to_receipt(const std::string& purchase, std::uint64_t counter) const {
    schema::DeliveryReceipt receipt;
    receipt.set_purchase(purchase);
    receipt.set_counter(counter);
    for (const auto& [name, ranges] : served_) {
        auto& served = *receipt.add_served();
        served.set_operator_(name);
        for (const auto& [first, last] : ranges) {
            auto& range = *served.add_ranges();
            range.set_first(first);
            range.set_last(last);
        }
    }
    return receipt;
}

std::vector<std::string> ServedRanges::to_texts() const {
    std::vector<std::string> texts;
    for (const auto& [name, ranges] : served_) {
        texts.push_back(name);
        for (const auto& [first, last] : ranges)
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
            out.add(name, range.first, range.second);
        }
    }
    return out;
}

}  // namespace fairstream::marketplace_dapp::client
