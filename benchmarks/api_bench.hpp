#pragma once

#include <chrono>
#include <filesystem>

#include "base/result.hpp"
#include "benchmarks/measured.hpp"

namespace fairstream::benchmarks {

struct ApiOptions {
    std::uint32_t offers = 10'000;
    std::uint32_t seconds = 5;  // for each kind of request, at each load
    std::uint32_t connections = 16;
    std::filesystem::path dir;  // empty: a temporary folder
};

/// Starts a network of its own, makes that many offers and some purchases, each by a transaction, and waits until the
/// DApp's read model has them. Then asks for the DApp's empty reply, searches, single offers and purchases over TLS
/// connections that stay open, each with one request at a time: first over one connection, then over all. Any answer
/// but the expected ends it. Per kind and load: requests per second, its ratio to the empty reply's, how long the
/// client waited, and how long the server took (its Server-Timing header: from the parsed request to the written
/// answer, waiting for a thread included).
Result<Measured> measure_api(const ApiOptions& options, const Progress& progress);

}  // namespace fairstream::benchmarks
