#pragma once

#include <filesystem>
#include <memory>

#include "base/config.hpp"
#include "base/net/trace_exporter.hpp"

namespace fairstream::network {

/// Where a program sends the spans of its traces: `traces_url` and `traces_roots` of its config.
struct Traces {
    std::string url;            // of an OTLP collector, https://; empty: no span is made
    std::string trusted_roots;  // PEM: whom to trust there
};

/// `roots`: whom to trust if the config (which stands in `file`) does not say. Errors: those of reading the roots; what
/// is wrong with the config, `config.finish` says.
Result<Traces> read_traces(base::Config& config, const std::filesystem::path& file, const std::filesystem::path& roots);

/// Null: spans are not sent. `service`: "fairstream-node"; `instance`: "node1.org1". `spans` and `metrics` must outlive
/// it.
std::unique_ptr<base::net::TraceExporter> export_traces(const Traces& to, std::string service, std::string instance,
                                                        base::SpanQueue& spans, base::Metrics& metrics);

}  // namespace fairstream::network
