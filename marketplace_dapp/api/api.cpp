#include "marketplace_dapp/api/api.hpp"

#include <fmt/format.h>

#include <functional>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/pool.hpp"
#include "identity/did/did_key.hpp"
#include "marketplace_dapp/api/answer.hpp"
#include "marketplace_dapp/api/openapi.hpp"
#include "marketplace_dapp/api/queries.hpp"
#include "marketplace_dapp/api/rate_limit.hpp"
#include "marketplace_dapp/api/reads.hpp"
#include "marketplace_dapp/api/transactions.hpp"

namespace fairstream::marketplace_dapp::api {

namespace json = boost::json;
using base::net::HttpRequest;
using base::net::HttpResponse;
using base::net::HttpServer;

namespace {

constexpr std::size_t kReadThreads = 4;
constexpr std::size_t kMaxWaitingReads = 512;
constexpr std::size_t kLedgerThreads = 8;
constexpr std::size_t kMaxWaitingQueries = 256;
constexpr std::size_t kWriteThreads = 16;  // each waits for a commit
constexpr std::size_t kMaxWaitingWrites = 128;
constexpr std::size_t kMaxBodyBytes = 2u << 20;

/// What an operation waits for. A ledger that is slow to answer must not hold up those that read PostgreSQL.
enum class Load { kNone, kRead, kLedger, kWrite };

/// One operation: its path is `prefix`, or `prefix` ID `suffix`.
struct Operation {
    const char* name;
    const char* method;
    std::string prefix;
    bool has_id;
    std::string suffix;
    Load load;
    std::function<HttpResponse(const HttpRequest&, const std::string& id)> work;

    bool matches(const std::string& path) const {
        if (!has_id) return path == prefix;
        return path.size() > prefix.size() + suffix.size() && path.starts_with(prefix) && path.ends_with(suffix);
    }
    std::string id(const std::string& path) const {
        return has_id ? path.substr(prefix.size(), path.size() - prefix.size() - suffix.size()) : std::string();
    }
};

std::string address_of(const std::string& peer) {
    return peer.substr(0, peer.rfind(':'));
}

class Service final : public Api {
public:
    Service(const Options& options, ledger::client::Client& client, const events::EventEngine& engine,
            base::Metrics& metrics)
        : engine_(engine),
          metrics_(metrics),
          reads_(options.database),
          transactions_(client),
          queries_(client, {options.key, identity::did::did_from_key(options.key.public_key()), {}}),
          read_limit_(options.reads_per_second),
          write_limit_(options.writes_per_second),
          operations_(make_operations()) {}

    Status listen(base::net::Loop& loop, const Options& options) {
        base::net::HttpLimits limits;
        limits.max_body_bytes = kMaxBodyBytes;
        FS_ASSIGN(server_, HttpServer::listen(loop, options.listen, options.tls, limits,
                                              [this](HttpRequest request, HttpServer::Respond respond) {
                                                  handle(std::move(request), std::move(respond));
                                              }));
        return {};
    }
    std::uint16_t port() const override { return server_->port(); }

private:
    void handle(HttpRequest request, HttpServer::Respond respond);
    base::Pool& pool_for(Load load) {
        return load == Load::kWrite ? write_pool_ : load == Load::kLedger ? ledger_pool_ : read_pool_;
    }
    /// Counts the request, and tells the client how long it took in here (Server-Timing, W3C).
    void finish(const Operation& operation, std::chrono::microseconds since, HttpResponse& response);
    Answer health();
    std::vector<Operation> make_operations();
    template <typename Work>
    Operation read(const char* name, const std::string& prefix, bool has_id, const std::string& suffix, Work work) {
        return {name, "GET", prefix, has_id, suffix, Load::kRead, [work](const HttpRequest& request, const auto& id) {
                    return to_response(work(request, id));
                }};
    }

    const events::EventEngine& engine_;
    base::Metrics& metrics_;
    Reads reads_;
    Transactions transactions_;
    Queries queries_;
    RateLimit read_limit_, write_limit_;
    const std::vector<Operation> operations_;
    base::Pool read_pool_{kReadThreads, kMaxWaitingReads};
    base::Pool ledger_pool_{kLedgerThreads, kMaxWaitingQueries};
    base::Pool write_pool_{kWriteThreads, kMaxWaitingWrites};
    std::unique_ptr<HttpServer> server_;  // goes first
};

std::vector<Operation> Service::make_operations() {
    const std::string v1 = "/api/v1/";
    std::vector<Operation> all;
    all.push_back(read("listOffers", v1 + "offers", false, "",
                       [this](const auto& request, const auto&) { return reads_.offers(request.query); }));
    all.push_back(
        read("getOffer", v1 + "offers/", true, "", [this](const auto&, const auto& id) { return reads_.offer(id); }));
    all.push_back(read("getPurchase", v1 + "purchases/", true, "",
                       [this](const auto&, const auto& id) { return reads_.purchase(id); }));
    all.push_back(read("getBalance", v1 + "accounts/", true, "/balance",
                       [this](const auto&, const auto& id) { return reads_.balance(id); }));
    all.push_back(
        read("getActor", v1 + "actors/", true, "", [this](const auto&, const auto& id) { return reads_.actor(id); }));
    all.push_back(
        read("getBlock", v1 + "blocks/", true, "", [this](const auto&, const auto& id) { return reads_.block(id); }));
    all.push_back(read("getTransaction", v1 + "transactions/", true, "",
                       [this](const auto&, const auto& id) { return reads_.transaction(id); }));
    all.push_back(read("listOperators", v1 + "operators", false, "",
                       [this](const auto&, const auto&) { return reads_.operators(); }));
    all.push_back(
        read("resolveDid", "/1.0/identifiers/", true, "", [](const auto&, const auto& id) { return resolve(id); }));
    all.push_back(
        {"prepareTransaction", "POST", v1 + "transactions:prepare", false, "", Load::kWrite,
         [this](const auto& request, const auto&) { return to_response(transactions_.prepare(request.body)); }});
    all.push_back({"evaluateQuery", "POST", v1 + "queries:evaluate", false, "", Load::kLedger,
                   [this](const auto& request, const auto&) { return to_response(queries_.evaluate(request.body)); }});
    all.push_back({"getGrant", "GET", v1 + "grants/", true, "", Load::kLedger,
                   [this](const auto&, const auto& id) { return to_response(queries_.grant(id)); }});
    all.push_back(
        {"getReleases", "GET", v1 + "purchases/", true, "/releases", Load::kLedger,
         [this](const auto& request, const auto& id) { return to_response(queries_.releases(id, request.query)); }});
    all.push_back({"submitTransaction", "POST", v1 + "transactions:submit", false, "", Load::kWrite,
                   [this](const auto& request, const auto&) {
                       const auto key = request.headers.find("idempotency-key");
                       return to_response(transactions_.submit(
                           request.body, key == request.headers.end() ? std::nullopt : std::optional(key->second)));
                   }});
    all.push_back(read("getHealth", "/healthz", false, "", [this](const auto&, const auto&) { return health(); }));
    all.push_back({"getLiveness", "GET", "/livez", false, "", Load::kNone, [](const auto&, const auto&) {
                       return HttpResponse{204, {}, {}};
                   }});
    all.push_back({"getMetrics", "GET", "/metrics", false, "", Load::kNone, [this](const auto&, const auto&) {
                       return HttpResponse{200, {{"content-type", "text/plain; version=0.0.4"}}, metrics_.text()};
                   }});
    all.push_back({"getDescription", "GET", "/openapi.json", false, "", Load::kNone, [](const auto&, const auto&) {
                       return HttpResponse{200, {{"content-type", "application/json"}}, openapi()};
                   }});
    return all;
}

void Service::handle(HttpRequest request, HttpServer::Respond respond) {
    const auto method = request.method == "HEAD" ? "GET" : request.method;
    const Operation* found = nullptr;
    std::string allowed;
    for (const auto& operation : operations_) {
        if (!operation.matches(request.path)) continue;
        if (operation.method == method && (found == nullptr || operation.suffix.size() > found->suffix.size()))
            found = &operation;
        allowed = operation.method;
    }
    if (found == nullptr) {
        if (allowed.empty()) return respond(to_response(fail("no_such_path", "see /openapi.json for what there is")));
        auto refusal = to_response(fail("method_not_allowed", "this path takes " + allowed));
        refusal.headers["allow"] = allowed;
        return respond(std::move(refusal));
    }
    const auto& operation = *found;
    const auto since = base::steady_now();
    if (operation.load == Load::kNone) {
        auto response = operation.work(request, {});
        finish(operation, since, response);
        return respond(std::move(response));
    }
    const bool write = operation.load == Load::kWrite;
    if (!(write ? write_limit_ : read_limit_).admit(address_of(request.peer), since)) {
        auto response = to_response(fail("rate_limited", "too many requests from this address; wait a second"));
        finish(operation, since, response);
        return respond(std::move(response));
    }
    const bool posted = pool_for(operation.load).post([this, &operation, since, asked = std::move(request), respond] {
        auto response = operation.work(asked, operation.id(asked.path));
        finish(operation, since, response);
        respond(std::move(response));
    });
    if (posted) return;
    auto response = to_response(fail("busy", "too many requests are waiting; ask again in a second"));
    finish(operation, since, response);
    respond(std::move(response));
}

void Service::finish(const Operation& operation, std::chrono::microseconds since, HttpResponse& response) {
    const auto seconds = std::chrono::duration<double>(base::steady_now() - since).count();
    response.headers["server-timing"] = fmt::format("total;dur={:.3f}", seconds * 1e3);
    metrics_.count("fairstream_http_requests_total", 1,
                   {{"operation", operation.name}, {"status", std::to_string(response.status)}});
    metrics_.observe("fairstream_http_request_seconds", seconds, {{"operation", operation.name}});
    if (response.status == 500) base::log_error("{} failed: {}", operation.name, response.body);
}

Answer Service::health() {
    const auto state = engine_.state();
    if (state.halted) return fail(*state.halted);
    if (!state.started) return fail("database_unavailable", "");
    FS_TRY(reads_.check());
    return json::object{{"status", "ok"},
                        {"height", state.height},
                        {"sealed_height", state.sealed},
                        {"behind", state.sealed - state.height}};
}

}  // namespace

Result<std::unique_ptr<Api>> Api::start(base::net::Loop& loop, Options options, ledger::client::Client& client,
                                        const events::EventEngine& engine, base::Metrics& metrics) {
    auto service = std::make_unique<Service>(options, client, engine, metrics);
    FS_TRY(service->listen(loop, options));
    return service;
}

}  // namespace fairstream::marketplace_dapp::api
