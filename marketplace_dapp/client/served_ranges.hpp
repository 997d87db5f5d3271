#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "chaincode/schema/security_manager.pb.h"

namespace fairstream::marketplace_dapp::client {

/// Which operator served which entries of a purchase: what a delivery receipt states. Entries are added in ascending
/// order.
class ServedRanges {
public:
    using Range = std::pair<std::uint64_t, std::uint64_t>;  // inclusive

    void add(const std::string& operator_name, std::uint64_t first, std::uint64_t last);
    bool empty() const { return served_.empty(); }
    std::uint64_t entries() const;
    const std::map<std::string, std::vector<Range>>& served() const { return served_; }

    /// The part of it up to and including `last`.
    ServedRanges up_to(std::uint64_t last) const;

    /// False when `operator_name` would begin a range beyond the 64 that a receipt may hold for one operator.
    bool has_room(const std::string& operator_name, std::uint64_t next) const;

    chaincode::schema::DeliveryReceipt to_receipt(const std::string& purchase, std::uint64_t counter) const;

    /// "op1 1-5 9-9": one text per operator. Error of the reverse: bad_ranges.
    std::vector<std::string> to_texts() const;
    static Result<ServedRanges> from_texts(const std::vector<std::string>& texts);

private:
    std::map<std::string, std::vector<Range>> served_;
};

}  // namespace fairstream::marketplace_dapp::client
