#include <catch2/catch.hpp>

#include "tests/chaincode/random_market.hpp"

namespace fairstream::chaincode::tests {

TEST_CASE("whatever anyone does, at whatever time and in whatever order, credits and keys go where they must") {
    std::map<std::string, int> done;
    for (const std::uint64_t seed : {20'261'123u, 20'261'124u, 20'261'125u}) {
        INFO("seed " << seed);
        RandomMarket market(seed);
        for (int i = 0; i < 120; ++i) {
            INFO("step " << i);
            market.step();
        }
        market.finish();
        for (const auto& [what, times] : market.done()) done[what] += times;
    }
    for (const auto* const what : {"buy", "buy time", "release", "deliver", "refund", "transfer", "revoke"}) {
        INFO(what);
        CHECK(done[what] >= 1);
    }
}

}  // namespace fairstream::chaincode::tests
