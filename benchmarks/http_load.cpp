#include "benchmarks/http_load.hpp"

#include <fmt/format.h>

#include <barrier>
#include <charconv>
#include <optional>
#include <thread>

#include "base/clock.hpp"
#include "base/net/http.hpp"

namespace fairstream::benchmarks {

namespace {

using namespace std::chrono_literals;

constexpr int kUncounted = 20;  // requests of each connection before the clock runs
constexpr auto kTimeout = 30s;

/// "total;dur=1.234", milliseconds.
std::optional<std::chrono::microseconds> server_time(const base::net::HttpResponse& response) {
    constexpr std::string_view kBegins = "total;dur=";
    const auto header = response.headers.find("server-timing");
    if (header == response.headers.end() || !header->second.starts_with(kBegins)) return std::nullopt;
    double ms = 0;
    const auto text = std::string_view(header->second).substr(kBegins.size());
    if (std::from_chars(text.data(), text.data() + text.size(), ms).ec != std::errc{}) return std::nullopt;
    return std::chrono::microseconds(static_cast<std::int64_t>(ms * 1e3));
}

class Connection {
public:
    Connection(const HttpLoad& load, std::size_t first) : load_(load), next_(first), http_(load.trusted_roots) {}

    Status warm_up() {
        for (int n = 0; n < kUncounted; ++n) FS_TRY(ask());
        figures_ = {};
        bytes_ = 0;
        return {};
    }
    /// Once at least.
    Status run(std::chrono::microseconds until) {
        do FS_TRY(ask());
        while (base::steady_now() < until);
        return {};
    }
    const HttpFigures& figures() const { return figures_; }
    std::uint64_t bytes() const { return bytes_; }

private:
    Status ask() {
        const auto& url = load_.urls[next_++ % load_.urls.size()];
        const auto began = base::steady_now();
        FS_ASSIGN(const auto response, http_.request("GET", url, {}, "", kTimeout));
        figures_.client.add(base::steady_now() - began);
        if (response.status != load_.status)
            return fail("unexpected_answer",
                        fmt::format("{}: status {}: {}", url, response.status, response.body.substr(0, 300)));
        const auto at_server = server_time(response);
        if (!at_server) return fail("bad_response", url + ": no Server-Timing");
        figures_.server.add(*at_server);
        bytes_ += response.body.size();
        return {};
    }

    const HttpLoad& load_;
    std::size_t next_;
    base::net::HttpClient http_;
    HttpFigures figures_;
    std::uint64_t bytes_ = 0;
};

}  // namespace

Result<HttpFigures> run_http_load(const HttpLoad& load) {
    std::vector<std::unique_ptr<Connection>> connections;
    for (std::uint32_t n = 0; n < load.connections; ++n)
        connections.push_back(std::make_unique<Connection>(load, n * load.urls.size() / load.connections));
    std::vector<Status> ends(load.connections);
    std::chrono::microseconds began{};
    std::barrier all_warm(static_cast<std::ptrdiff_t>(load.connections),
                          [&]() noexcept { began = base::steady_now(); });
    std::vector<std::thread> threads;
    for (std::uint32_t n = 0; n < load.connections; ++n)
        threads.emplace_back([&, n] {
            ends[n] = connections[n]->warm_up();
            all_warm.arrive_and_wait();
            if (ends[n]) ends[n] = connections[n]->run(began + load.duration);
        });
    for (auto& thread : threads) thread.join();
    const auto took = std::chrono::duration<double>(base::steady_now() - began).count();
    for (auto& end : ends) FS_TRY(std::move(end));

    HttpFigures all;
    std::uint64_t bytes = 0;
    for (const auto& connection : connections) {
        all.client.merge(connection->figures().client);
        all.server.merge(connection->figures().server);
        bytes += connection->bytes();
    }
    const auto count = static_cast<double>(all.client.count());
    all.requests_per_second = count / took;
    all.mean_body_bytes = count == 0 ? 0 : static_cast<double>(bytes) / count;
    return all;
}

}  // namespace fairstream::benchmarks
