// What a delivery receipt states: who served what, each entry once, in no more pieces than the ledger takes.

#include "mqtt_bridge/client/served_ranges.hpp"

#include <catch2/catch.hpp>

#include "mqtt_bridge/client/delivery_record.hpp"

using namespace fairstream;
using namespace fairstream::mqtt_bridge::client;

namespace {

using Texts = std::vector<std::string>;

void credit(ServedRanges& ranges, const std::string& operator_name, std::uint64_t first, std::uint64_t last) {
    for (auto sequence = first; sequence <= last; ++sequence) ranges.credit(operator_name, sequence);
}

}  // namespace

TEST_CASE("ranges of served entries join, count, and survive as text") {
    ServedRanges ranges;
    credit(ranges, "op2", 1, 4);
    credit(ranges, "op2", 5, 6);
    credit(ranges, "op1", 7, 7);
    credit(ranges, "op2", 8, 9);
    CHECK(ranges.entries() == 9);
    CHECK(ranges.to_texts() == Texts{"op1 7-7", "op2 1-6 8-9"});
    CHECK(ServedRanges::from_texts(ranges.to_texts())->to_texts() == ranges.to_texts());
    CHECK(ranges.up_to(8).to_texts() == Texts{"op1 7-7", "op2 1-6 8-8"});
    CHECK(ranges.up_to(6).to_texts() == Texts{"op2 1-6"});
    for (const char* wrong : {"op1 1", "op1 2-1", "op1 x-3", "op1 1-3-", "op1 1-"})
        CHECK_FALSE(ServedRanges::from_texts({wrong}));
    const auto receipt = ranges.to_receipt("purchase", 5);
    CHECK(receipt.counter() == 5);
    REQUIRE(receipt.served_size() == 2);
    CHECK(receipt.served(1).ranges(0).last() == 6);
    CHECK(ServedRanges::from_receipt(receipt)->to_texts() == ranges.to_texts());
}

TEST_CASE("an entry is credited once, to whom served it first") {
    ServedRanges ranges;
    credit(ranges, "op1", 1, 3);
    credit(ranges, "op2", 2, 4);
    CHECK(ranges.to_texts() == Texts{"op1 1-3", "op2 4-4"});
    ServedRanges other;
    credit(other, "op3", 3, 6);
    ranges.credit(other);
    CHECK(ranges.to_texts() == Texts{"op1 1-3", "op2 4-4", "op3 5-6"});
    CHECK(ranges.entries() == 6);
}

TEST_CASE("two operators that take turns for ever leave a receipt with 64 ranges each, over every entry") {
    ServedRanges ranges;
    for (std::uint64_t sequence = 1; sequence <= 400; ++sequence) {
        CHECK(ranges.full() == (sequence > 127));
        ranges.credit(sequence % 2 == 1 ? "op1" : "op2", sequence);
    }
    CHECK(ranges.entries() == 400);
    const auto receipt = ranges.to_receipt("purchase", 1);
    REQUIRE(receipt.served_size() == 2);
    for (const auto& one : receipt.served())
        CHECK(static_cast<std::size_t>(one.ranges_size()) == ServedRanges::kMaxRanges);
    CHECK(receipt.served(1).ranges(63).last() == 400);
}

TEST_CASE("a record goes on from an earlier receipt, with a counter above its") {
    const auto key = identity::crypto::SigningKey::generate();
    DeliveryRecord first("purchase", 7);
    first.credit("op1", 1);
    first.credit("op1", 2);
    const auto earlier = sign_delivery(first.next(), "network", key);
    auto second = DeliveryRecord::after(earlier, "purchase").value();
    CHECK(second.unsigned_entries() == 0);
    CHECK(second.next().counter() == 7);  // nothing new: the same once more
    second.credit("op2", 2);
    second.credit("op2", 3);
    CHECK(second.unsigned_entries() == 1);
    const auto next = second.next();
    CHECK(next.counter() == 8);
    CHECK(ServedRanges::from_receipt(next)->to_texts() == Texts{"op1 1-2", "op2 3-3"});

    CHECK(DeliveryRecord::after(earlier, "another").error().code == "bad_receipt");
    auto torn = earlier;
    torn.set_receipt("torn");
    CHECK(DeliveryRecord::after(torn, "purchase").error().code == "bad_receipt");
    chaincode::schema::DeliveryReceipt backwards;
    backwards.set_purchase("purchase");
    auto& range = *backwards.add_served()->add_ranges();
    range.set_first(5);
    range.set_last(4);
    CHECK(DeliveryRecord::after(sign_delivery(backwards, "network", key), "purchase").error().code == "bad_receipt");
}
