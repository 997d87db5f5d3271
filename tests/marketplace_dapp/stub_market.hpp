#pragma once

#include "marketplace_dapp/api/reads.hpp"
#include "marketplace_dapp/events/event_engine.hpp"
#include "tests/marketplace_dapp/private_postgres.hpp"
#include "tests/marketplace_dapp/stub_trade.hpp"
#include "tests/support/eventually.hpp"

namespace fairstream::tests {

/// A read model that follows a chain in memory.
struct StubMarket {
    PrivatePostgres postgres;
    StubChain chain;
    base::Metrics metrics;
    marketplace_dapp::events::EventEngine engine{chain, postgres.connection(), {.network = "test"}, metrics};
    marketplace_dapp::api::Reads reads{postgres.connection()};

    /// Adds a block, and waits until the read model holds it.
    void add(const std::vector<Done>& transactions) {
        chain.add(transactions);
        settle();
    }
    void settle() {
        REQUIRE(eventually([&] { return engine.state().started && engine.state().height == chain.sealed_height(); },
                           std::chrono::seconds(30)));
    }
};

}  // namespace fairstream::tests
