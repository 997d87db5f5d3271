#pragma once

#include <atomic>
#include <memory>

#include "benchmarks/latencies.hpp"
#include "benchmarks/ledger_network.hpp"

namespace fairstream::benchmarks {

/// A closed loop: so many clients, each with a key of its own, each sending its next transaction when its last has
/// ended. The clients are spread evenly over the gateways; those of one gateway share a connection, as an application's
/// threads do.
class LedgerLoad {
public:
    struct Shape {
        std::uint32_t clients = 1;
        std::size_t value_bytes = 0;
        std::uint64_t preloaded = 0;  // keys: each is taken once before new ones are made
        bool hot_account = false;
    };
    struct Counts {
        std::uint64_t committed = 0;  // valid
        std::uint64_t conflicts = 0;  // committed as invalid: a read or range had changed
        std::uint64_t invalid = 0;    // committed as invalid for any other reason
        std::uint64_t failed = 0;     // not committed: refused, or lost
    };
    LedgerLoad(const LedgerNetwork& network, Shape shape);
    ~LedgerLoad();

    void start();
    Counts counts() const;
    /// From now on latencies count; what has ended so far is forgotten.
    void begin_measuring();
    /// Latencies of what has been committed since, from signing to commit status; then the clients end.
    Latencies finish();
    /// One of the failures, for the report; empty if there was none.
    std::string failure() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace fairstream::benchmarks
