#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "base/metrics.hpp"
#include "base/trace.hpp"

namespace fairstream::base::net {

/// Sends spans to an OpenTelemetry collector: OTLP/HTTP with JSON encoding (opentelemetry.io/docs/specs/otlp), POSTed
/// in batches on a thread of its own. While the collector is away they are dropped: what the program does never waits
/// for it. Counts `fairstream_trace_spans_total{result}`.
class TraceExporter {
public:
    struct Options {
        std::string url;            // https://collector:4318/v1/traces
        std::string trusted_roots;  // PEM: whose certificate the collector may show
        std::string service;        // "fairstream-node"
        std::string instance;       // "node1.org1"
        std::chrono::milliseconds interval{1'000};
        std::chrono::milliseconds timeout{5'000};
    };
    /// `queue` and `metrics` must outlive this.
    TraceExporter(Options options, SpanQueue& queue, Metrics& metrics);
    ~TraceExporter();  // sends what waits, once
    TraceExporter(const TraceExporter&) = delete;
    TraceExporter& operator=(const TraceExporter&) = delete;

private:
    void run();

    const Options options_;
    SpanQueue& queue_;
    Metrics& metrics_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;
    std::thread thread_;
};

/// ExportTraceServiceRequest in OTLP's JSON encoding (ids in hex, times as decimal strings).
std::string to_otlp_json(const TraceExporter::Options& options, const std::vector<Span>& spans);

}  // namespace fairstream::base::net
