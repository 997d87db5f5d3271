#include <catch2/catch.hpp>

#include "ledger/node/node_impl.hpp"

using namespace fairstream;
using ledger::node::frame_of;
using ledger::node::split_frame;

TEST_CASE("transactions that are handed on together come out one by one") {
    const std::vector<Bytes> transactions = {to_bytes(std::string_view("first")), Bytes(70'000, 7)};
    const auto split = split_frame(frame_of(transactions));
    REQUIRE(split);
    CHECK(*split == transactions);
    CHECK(split_frame({})->empty());
}

TEST_CASE("a frame that says more than it holds is refused") {
    const auto whole = frame_of(std::vector<Bytes>{Bytes(10, 1), Bytes(10, 2)});
    for (std::size_t size = 1; size < whole.size(); ++size) {
        if (size == whole.size() / 2) continue;  // just the first
        CHECK(split_frame(ByteView(whole).first(size)).error().code == "malformed");
    }
    CHECK(split_frame(Bytes(4)).error().code == "malformed");  // an empty one
    const std::vector<Bytes> many(8'193, Bytes(1));
    CHECK(split_frame(frame_of(many)).error().code == "malformed");
    CHECK(split_frame(Bytes{0xff, 0xff, 0xff, 0xff, 1}).error().code == "malformed");
}
