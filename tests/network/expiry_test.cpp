// Warnings before certificates end.
#include "network/expiry.hpp"

#include <catch2/catch.hpp>

using namespace fairstream;
using namespace std::chrono_literals;
using network::expiry_warning;

TEST_CASE("a certificate is warned of in its last 30 days, and named when it has ended") {
    const auto now = base::from_us(1'767'225'600'000'000);  // 2026-01-01T00:00:00Z
    const auto in = [&](auto left) { return expiry_warning({"certificate of node1.org1", now + left}, now); };
    CHECK(in(31 * 24h) == "");
    CHECK(in(30 * 24h + 1s) == "");
    CHECK(in(29 * 24h) == "the certificate of node1.org1 ends in 29 days, at 2026-01-30T00:00:00.000000Z: renew it");
    CHECK(in(1h).find("in 0 days") != std::string::npos);
    CHECK(in(-1s) == "the certificate of node1.org1 has ended at 2025-12-31T23:59:59.000000Z: others refuse it");
}
