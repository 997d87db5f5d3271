#include <catch2/catch.hpp>

#include "base/busy.hpp"

using namespace fairstream;
using namespace std::chrono_literals;

TEST_CASE("who is told to come back later is told when") {
    const auto error = base::busy("20000 transactions are waiting", 250ms);
    CHECK(error.code == "busy");
    CHECK(error.message == "20000 transactions are waiting; retry after 250 ms");
    CHECK(base::retry_after(error) == 250ms);
    CHECK(base::retry_after(base::busy("x", 1h)) == 30s);  // from outside: bounded
}

TEST_CASE("other errors, and what only looks like an answer, say nothing about time") {
    CHECK_FALSE(base::retry_after({"busy", "too much"}));
    CHECK_FALSE(base::retry_after({"timeout", "x; retry after 250 ms"}));
    CHECK_FALSE(base::retry_after({"busy", "x; retry after  ms"}));
    CHECK_FALSE(base::retry_after({"busy", "x; retry after -5 ms"}));
    CHECK_FALSE(base::retry_after({"busy", "x; retry after 99999999999999999999 ms"}));
    CHECK_FALSE(base::retry_after({"busy", "; retry after ms"}));
}
