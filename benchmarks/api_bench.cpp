#include "benchmarks/api_bench.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <thread>

#include "base/clock.hpp"
#include "base/net/http.hpp"
#include "benchmarks/http_load.hpp"
#include "benchmarks/market.hpp"
#include "network/scratch_network.hpp"
#include "network/status.hpp"
#include "network/supervisor.hpp"

namespace fairstream::benchmarks {

namespace json = boost::json;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t kMaxPurchases = 50;
constexpr auto kFollowWithin = 300s;
constexpr auto kAskAgain = 100ms;
constexpr auto kTimeout = 30s;

/// One thing that clients ask for.
struct Kind {
    std::string name, what;
    std::vector<std::string> targets;
    int status = 200;
};

std::vector<std::string> each(const std::string& prefix, std::vector<std::string> ends) {
    for (auto& end : ends) end.insert(0, prefix);
    return ends;
}

std::vector<Kind> kinds_of(const Market& market) {
    const std::string offers = "/api/v1/offers";
    return {{"empty", "empty reply", {"/livez"}, 204},
            {"search_text", "search by text", each(offers + "?", text_searches())},
            {"search_place", "search by place and radius", each(offers + "?", place_searches())},
            {"search_topic_price", "search by topic and price", each(offers + "?", topic_searches())},
            {"offer", "one offer", each(offers + "/", market.offers)},
            {"purchase", "purchase status", each("/api/v1/purchases/", market.purchases)}};
}

class ApiBench {
public:
    ApiBench(const ApiOptions& options, const Progress& progress) : options_(options), progress_(progress) {}

    Result<Measured> run() {
        FS_ASSIGN(const auto scratch, network::ScratchNetwork::make(options_.dir));
        FS_TRY(network::up({.dir = scratch.dir(), .topology = {}, .shape_given = false}, progress_));
        FS_TRY(find_dapp(scratch.dir()));
        FS_ASSIGN(auto market, fill(scratch.dir()));
        FS_TRY(wait_for_read_model(market));
        FS_TRY(check_count());
        table_ =
            fmt::format("{:<28}{:>6}{:>12}{:>10}{:>9}{:>9}{:>9}{:>13}{:>9}{:>9}{:>10}\n", "", "conn.", "requests/s",
                        "of empty", "p50 ms", "p95 ms", "p99 ms", "server p50", "p95", "p99", "body B");
        for (const auto& kind : kinds_of(market)) FS_TRY(measure(kind));
        json_["offers"] = count_;
        json_["offers_created_per_second"] = market.offers_per_second;
        json_["connections"] = options_.connections;
        json_["seconds"] = options_.seconds;
        return Measured{.json = std::move(json_), .table = std::move(table_)};
    }

private:
    Status find_dapp(const std::filesystem::path& dir) {
        FS_ASSIGN(auto profile, marketplace_dapp::client::Profile::load(dir));
        roots_ = profile.trusted_roots;
        FS_ASSIGN(const auto status, network::network_status(dir));
        for (const auto& process : status.processes)
            if (process.role == "dapp") url_ = process.address;
        if (url_.empty()) return fail("not_found", "this network has no DApp");
        return {};
    }

    Result<Market> fill(const std::filesystem::path& dir) {
        FS_ASSIGN(auto profile, marketplace_dapp::client::Profile::load(dir));
        base::net::Loop loop;
        loop.start();
        marketplace_dapp::client::Connection connection(loop, std::move(profile));
        return make_market(connection, dir,
                           {.sellers = std::min(20u, options_.offers),
                            .offers = options_.offers,
                            .purchases = std::min(kMaxPurchases, options_.offers)},
                           progress_);
    }

    Result<json::value> get(const std::string& target) {
        base::net::HttpClient http(roots_);
        FS_ASSIGN(const auto response, http.request("GET", url_ + target, {}, "", kTimeout));
        json::error_code error;
        auto value = json::parse(response.body, error);
        if (response.status != 200 || error || !value.is_object())
            return fail("unexpected_answer", fmt::format("{}: status {}", target, response.status));
        return value;
    }

    Status wait_for_read_model(const Market& market) {
        progress_(fmt::format("waiting for the read model to reach block {}", market.height));
        for (const auto deadline = base::steady_now() + kFollowWithin;;) {
            FS_ASSIGN(const auto health, get("/healthz"));
            if (health.at("height").to_number<std::uint64_t>() >= market.height) return {};
            if (base::steady_now() > deadline) return fail("timeout", "the read model does not follow the chain");
            std::this_thread::sleep_for(kAskAgain);
        }
    }

    /// Every offer is found, page by page.
    Status check_count() {
        std::string cursor;
        do {
            FS_ASSIGN(const auto page, get("/api/v1/offers?limit=200" + cursor));
            count_ += page.at("offers").as_array().size();
            const auto* next = page.as_object().if_contains("next");
            cursor = next == nullptr ? "" : "&cursor=" + std::string(next->as_string());
        } while (!cursor.empty());
        if (count_ == options_.offers) return {};
        return fail("unexpected_answer", fmt::format("{} offers were made, {} are found", options_.offers, count_));
    }

    Status measure(const Kind& kind) {
        FS_ASSIGN(auto alone, measure(kind, 1));
        if (options_.connections > 1) {
            FS_ASSIGN(auto loaded, measure(kind, options_.connections));
            loaded["one_connection"] = std::move(alone);
            alone = std::move(loaded);
        }
        json_[kind.name] = std::move(alone);
        return {};
    }

    Result<json::object> measure(const Kind& kind, std::uint32_t connections) {
        progress_(
            fmt::format("measuring {} over {} connection{}", kind.what, connections, connections == 1 ? "" : "s"));
        FS_ASSIGN(const auto found, run_http_load({.trusted_roots = roots_,
                                                   .urls = each(url_, kind.targets),
                                                   .status = kind.status,
                                                   .connections = connections,
                                                   .duration = std::chrono::seconds(options_.seconds)}));
        auto& empty = empty_per_second_[connections > 1];
        if (kind.name == "empty") empty = found.requests_per_second;
        const auto ratio = found.requests_per_second / empty;
        table_ +=
            fmt::format("{:<28}{:>6}{:>12.0f}{:>10.3f}{:>9.2f}{:>9.2f}{:>9.2f}{:>13.2f}{:>9.2f}{:>9.2f}{:>10.0f}\n",
                        kind.what, connections, found.requests_per_second, ratio, found.client.percentile_ms(50),
                        found.client.percentile_ms(95), found.client.percentile_ms(99), found.server.percentile_ms(50),
                        found.server.percentile_ms(95), found.server.percentile_ms(99), found.mean_body_bytes);
        auto result = found.client.to_json();
        result["requests"] = found.client.count();
        result["requests_per_second"] = found.requests_per_second;
        result["ratio_to_empty"] = ratio;
        result["server"] = found.server.to_json();
        result["mean_body_bytes"] = found.mean_body_bytes;
        return result;
    }

    const ApiOptions options_;
    const Progress& progress_;
    std::string roots_, url_;
    std::size_t count_ = 0;                // offers found
    double empty_per_second_[2] = {0, 0};  // over one connection, over all
    json::object json_;
    std::string table_;
};

}  // namespace

Result<Measured> measure_api(const ApiOptions& options, const Progress& progress) {
    return ApiBench(options, progress).run();
}

}  // namespace fairstream::benchmarks
