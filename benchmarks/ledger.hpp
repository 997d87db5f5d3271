#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>

#include "benchmarks/measured.hpp"

namespace fairstream::benchmarks {

/// What `fairstream-bench ledger` was asked for.
struct LedgerOptions {
    std::uint32_t nodes = 4;  // one per organisation, 1 to 16
    std::uint32_t clients = 256;
    std::chrono::seconds duration{30};  // measured, after a warm-up
    std::size_t value_bytes = 300;
    std::uint64_t preload_keys = 0;  // that the state begins with, each with a value of value_bytes
    bool hot_account = false;        // every transaction also adds to one account that all share
    std::filesystem::path dir;       // where the network's folder is made; empty: the system's temporary folder
};

/// How many transactions a network of its own commits, how soon and at what cost: a closed loop of transactions with
/// one read and one write under unique keys, each client sending its next one when its last is committed. The limit
/// beside it: every node must check every client's signature, so no more than (verifications per second on all cores) /
/// nodes can be committed on this machine. Errors: those of starting the network; no_commits.
Result<Measured> measure_ledger(const LedgerOptions& options, const Progress& progress);

}  // namespace fairstream::benchmarks
