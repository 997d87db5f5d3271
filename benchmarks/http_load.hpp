#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "benchmarks/latencies.hpp"

namespace fairstream::benchmarks {

/// GET requests to one server, over and over.
struct HttpLoad {
    std::string trusted_roots;         // PEM
    std::vector<std::string> urls;     // asked in turn, at least one
    int status = 200;                  // any other ends the run
    std::uint32_t connections = 1;     // TLS, kept open; each has one request at a time and a thread of its own
    std::chrono::seconds duration{1};  // after every connection has asked a few times
};

struct HttpFigures {
    Latencies client;  // from sending to the whole answer
    Latencies server;  // as its Server-Timing says
    double requests_per_second = 0;
    double mean_body_bytes = 0;
};

/// Errors: unexpected_answer (with what came), bad_response (no Server-Timing), and those of HttpClient::request.
Result<HttpFigures> run_http_load(const HttpLoad& load);

}  // namespace fairstream::benchmarks
