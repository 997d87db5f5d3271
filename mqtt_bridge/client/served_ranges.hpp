#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "chaincode/schema/security_manager.pb.h"
#include "security_manager/gate/meter.hpp"

namespace fairstream::mqtt_bridge::client {

/// Which operator served which entries of a purchase: what a delivery receipt states. Each entry is credited once.
class ServedRanges {
public:
    static constexpr std::size_t kMaxRanges = 64;  // per operator, in a receipt

    /// Error: bad_receipt (a range that ends before it begins).
    static Result<ServedRanges> from_receipt(const chaincode::schema::DeliveryReceipt& receipt);

    /// An operator whose entries would lie in too many pieces is not credited: who served the entry before is.
    void credit(const std::string& operator_name, std::uint64_t sequence);
    /// Credits what `other` has and this has not.
    void credit(const ServedRanges& other);

    std::uint64_t entries() const { return all_.entries(); }
    /// An operator's entries lie in as many pieces as a receipt may hold.
    bool full() const;
    std::vector<std::string> operators() const;
    /// By operator's name; ranges ascend.
    std::vector<chaincode::schema::OperatorRanges> served() const;
    chaincode::schema::DeliveryReceipt to_receipt(const std::string& purchase, std::uint64_t counter) const;

    /// The part of it up to and including `last`.
    ServedRanges up_to(std::uint64_t last) const;

    /// "op1 1-5 9-9": one text per operator. Error of the reverse: bad_ranges.
    std::vector<std::string> to_texts() const;
    static Result<ServedRanges> from_texts(const std::vector<std::string>& texts);

private:
    using Range = security_manager::gate::SequenceRange;
    void add(const std::string& operator_name, const Range& range);
    static Result<Range> parse_range(const std::string& word);

    std::map<std::string, security_manager::gate::Meter> by_operator_;  // none is empty
    security_manager::gate::Meter all_;
};

}  // namespace fairstream::mqtt_bridge::client
