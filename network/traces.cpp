#include "network/traces.hpp"

#include "network/program.hpp"

namespace fairstream::network {

namespace fs = std::filesystem;

Result<Traces> read_traces(base::Config& config, const fs::path& file, const fs::path& roots) {
    const auto url = config.optional_text("traces_url");
    const auto own_roots = config.optional_text("traces_roots");
    if (url && !url->starts_with("https://"))
        config.reject("traces_url", "must begin with https://, as https://collector:4318/v1/traces");
    Traces out{.url = url.value_or(""), .trusted_roots = {}};
    FS_ASSIGN(out.trusted_roots, read_pem(own_roots ? beside(file, *own_roots) : roots));
    return out;
}

std::unique_ptr<base::net::TraceExporter> export_traces(const Traces& to, std::string service, std::string instance,
                                                        base::SpanQueue& spans, base::Metrics& metrics) {
    if (to.url.empty()) return nullptr;
    return std::make_unique<base::net::TraceExporter>(
        base::net::TraceExporter::Options{.url = to.url,
                                          .trusted_roots = to.trusted_roots,
                                          .service = std::move(service),
                                          .instance = std::move(instance)},
        spans, metrics);
}

}  // namespace fairstream::network
