#include <catch2/catch.hpp>

#include "ledger/gateway/tally.hpp"

using namespace fairstream;
using ledger::gateway::Tally;
using ledger::proto::EndorseResult;

namespace {

Result<EndorseResult> result(const std::string& bytes) {
    EndorseResult out;
    out.set_result(bytes);
    return out;
}

}  // namespace

TEST_CASE("a majority of byte-identical results is agreed on without waiting for the rest") {
    Tally tally("a", 4, 3);
    tally.add("a", result("x"));
    tally.add("b", result("x"));
    CHECK(tally.verdict() == Tally::Verdict::kOpen);
    tally.add("c", result("x"));
    CHECK(tally.verdict() == Tally::Verdict::kAgreed);
    CHECK(tally.agreed_result() == "x");
    CHECK(tally.endorsements().size() == 3);
}

TEST_CASE("who differs is named") {
    Tally tally("a", 4, 3);
    tally.add("a", result("x"));
    tally.add("b", result("x"));
    tally.add("c", result("y"));
    tally.add("d", result("z"));
    REQUIRE(tally.verdict() == Tally::Verdict::kSplit);
    CHECK(tally.may_heal());
    CHECK(tally.error().code == "endorsement_mismatch");
    CHECK_THAT(tally.error().message, Catch::Contains("2 agree [a, b]"));
    CHECK_THAT(tally.error().message, Catch::Contains("c differs"));
    CHECK_THAT(tally.error().message, Catch::Contains("d differs"));
}

TEST_CASE("what a majority refuses is refused in the own organisation's words") {
    Tally tally("a", 4, 3);
    tally.add("b", fail("too_poor", "b's words"));
    tally.add("c", fail("too_poor", "c's words"));
    tally.add("d", fail("too_poor", "d's words"));
    CHECK(tally.verdict() == Tally::Verdict::kOpen);  // the own node may know more
    tally.add("a", fail("too_poor", "a's words"));
    CHECK(tally.verdict() == Tally::Verdict::kRefused);
    CHECK(tally.error() == Error{"too_poor", "a's words"});
}

TEST_CASE("a refusal by nodes that lag behind the own one may heal") {
    Tally tally("a", 4, 3);
    for (const auto* other : {"b", "c", "d"}) tally.add(other, fail("not_found", "no such offer"));
    tally.add("a", result("x"));
    CHECK(tally.verdict() == Tally::Verdict::kSplit);
    CHECK(tally.may_heal());
}

TEST_CASE("nodes that have not applied the newest config yet are asked again") {
    Tally tally("a", 3, 2);
    for (const auto* other : {"b", "c"}) tally.add(other, fail("other_epoch", "it endorses under config epoch 1"));
    tally.add("a", fail("wrong_epoch", "epoch 2 is in force"));
    REQUIRE(tally.verdict() == Tally::Verdict::kSplit);
    CHECK(tally.may_heal());
}

TEST_CASE("too few answers are no mismatch but unavailable") {
    Tally tally("a", 3, 2);
    tally.add("b", fail("disconnected", "no connection"));
    tally.add("c", fail("timeout", "no answer"));
    tally.add("a", result("x"));
    REQUIRE(tally.verdict() == Tally::Verdict::kSplit);
    CHECK(tally.may_heal());
    CHECK(tally.error().code == "unavailable");
    CHECK_THAT(tally.error().message, Catch::Contains("c did not endorse (timeout: no answer)"));
}
