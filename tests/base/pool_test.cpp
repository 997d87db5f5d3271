#include "base/pool.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <future>

using fairstream::base::Pool;

TEST_CASE("a pool runs what it is given, and finishes it before it goes") {
    std::atomic<int> done{0};
    {
        Pool pool(3);
        for (int i = 0; i < 1000; ++i) REQUIRE(pool.post([&] { ++done; }));
    }
    CHECK(done == 1000);
}

TEST_CASE("a full pool refuses work instead of growing") {
    std::promise<void> started;
    std::promise<void> release;
    std::atomic<int> done{0};
    {
        Pool pool(1, /*max_queued=*/2);
        REQUIRE(pool.post([&] {
            started.set_value();
            release.get_future().wait();
        }));
        started.get_future().wait();
        CHECK(pool.post([&] { ++done; }));
        CHECK(pool.post([&] { ++done; }));
        CHECK_FALSE(pool.post([&] { done = 100; }));
        release.set_value();
    }
    CHECK(done == 2);
}
