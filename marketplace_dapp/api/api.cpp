#include "marketplace_dapp/api/api.hpp"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <functional>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/log_field.hpp"
#include "base/net/sse.hpp"
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

/// The caller's place in its trace; a write of a caller that has none begins one.
std::string trace_of(const HttpRequest& request, Load load) {
    const auto given = request.headers.find("traceparent");
    if (given != request.headers.end() && base::TraceContext::parse(given->second)) return given->second;
    return load == Load::kWrite ? base::TraceContext::root().to_text() : std::string();
}

std::string address_of(const std::string& peer) {
    return peer.substr(0, peer.rfind(':'));
}

class Service final : public Api {
public:
    Service(const Options& options, ledger::client::Client& client, events::EventEngine& engine, base::Metrics& metrics)
        : engine_(engine),
          metrics_(metrics),
          reads_(options.database),
          transactions_(client, options.database),
          queries_(client, {options.key, identity::did::did_from_key(options.key.public_key()), {}}),
          read_limit_(options.reads_per_second),
          write_limit_(options.writes_per_second),
          feed_(options.database, client.options().channel, reads_, options.feed, metrics),
          spans_(options.spans),
          operations_(make_operations()) {
        engine_.on_progress([this] { feed_.wake(); });
    }
    ~Service() override { engine_.on_progress({}); }

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
    Status use(const base::net::TlsConfig& tls) override { return server_->use(tls); }

private:
    const Operation* find(const HttpRequest& request, std::string& allowed) const;
    void handle(HttpRequest request, HttpServer::Respond respond);
    base::Pool& pool_for(Load load) {
        return load == Load::kWrite ? write_pool_ : load == Load::kLedger ? ledger_pool_ : read_pool_;
    }
    /// Counts the request, and tells the client how long it took in here (Server-Timing, W3C).
    void finish(const Operation& operation, std::chrono::microseconds since, base::SpanTimer& span,
                HttpResponse& response);
    HttpResponse health();
    std::string why_not_ready(const events::EventEngine::State& state);
    std::vector<Operation> make_operations();
    void add_records(std::vector<Operation>& all);
    void add_lists(std::vector<Operation>& all);
    void add_events(std::vector<Operation>& all);
    void add_ledger(std::vector<Operation>& all);
    void add_service(std::vector<Operation>& all);
    template <typename Work>
    Operation read(const char* name, const std::string& prefix, bool has_id, const std::string& suffix, Work work) {
        return {name, "GET", prefix, has_id, suffix, Load::kRead, [work](const HttpRequest& request, const auto& id) {
                    return to_response(work(request, id));
                }};
    }

    events::EventEngine& engine_;
    base::Metrics& metrics_;
    Reads reads_;
    Transactions transactions_;
    Queries queries_;
    RateLimit read_limit_, write_limit_;
    EventFeed feed_;
    base::SpanQueue* const spans_;
    const std::vector<Operation> operations_;
    base::Pool read_pool_{kReadThreads, kMaxWaitingReads};
    base::Pool ledger_pool_{kLedgerThreads, kMaxWaitingQueries};
    base::Pool write_pool_{kWriteThreads, kMaxWaitingWrites};
    std::unique_ptr<HttpServer> server_;  // goes first
};

void Service::add_lists(std::vector<Operation>& all) {
    const auto list = [&](const char* name, const char* path, Answer (Reads::*work)(const Reads::Query&)) {
        all.push_back(read(name, std::string("/api/v1/") + path, false, "",
                           [this, work](const auto& request, const auto&) { return (reads_.*work)(request.query); }));
    };
    const auto list_of = [&](const char* name, const char* path, const char* suffix,
                             Answer (Reads::*work)(const std::string&, const Reads::Query&)) {
        all.push_back(
            read(name, std::string("/api/v1/") + path, true, suffix,
                 [this, work](const auto& request, const auto& id) { return (reads_.*work)(id, request.query); }));
    };
    list("listOffers", "offers", &Reads::offers);
    list("listPurchases", "purchases", &Reads::purchases);
    list("listTransactions", "transactions", &Reads::transactions);
    list("listBlocks", "blocks", &Reads::blocks);
    list("listActors", "actors", &Reads::actors);
    list("listOperators", "operators", &Reads::operators);
    list_of("listTransfers", "accounts/", "/transfers", &Reads::transfers);
    list_of("listBatches", "offers/", "/batches", &Reads::batches);
    list_of("listKeyEpochs", "offers/", "/key-epochs", &Reads::key_epochs);
}

void Service::add_records(std::vector<Operation>& all) {
    const auto record = [&](const char* name, const char* path, const char* suffix,
                            Answer (Reads::*work)(const std::string&)) {
        all.push_back(read(name, std::string("/api/v1/") + path, true, suffix,
                           [this, work](const auto&, const auto& id) { return (reads_.*work)(id); }));
    };
    record("getOffer", "offers/", "", &Reads::offer);
    record("getStorage", "offers/", "/storage", &Reads::storage);
    record("getPurchase", "purchases/", "", &Reads::purchase);
    record("getBalance", "accounts/", "/balance", &Reads::balance);
    record("getActor", "actors/", "", &Reads::actor);
    record("getBlock", "blocks/", "", &Reads::block);
    record("getTransaction", "transactions/", "", &Reads::transaction);
    all.push_back(
        read("resolveDid", "/1.0/identifiers/", true, "", [](const auto&, const auto& id) { return resolve(id); }));
}

void Service::add_events(std::vector<Operation>& all) {
    all.push_back(
        {"listEvents", "GET", "/api/v1/events", false, "", Load::kRead, [this](const auto& request, const auto&) {
             const auto accept = request.headers.find("accept");
             const bool stream = accept != request.headers.end() &&
                                 accept->second.find(base::net::kSseContentType) != std::string::npos;
             return stream ? feed_.follow(request) : to_response(feed_.page(request.query));
         }});
    all.push_back({"followPurchase", "GET", "/api/v1/purchases/", true, "/events", Load::kRead,
                   [this](const auto& request, const auto& id) { return feed_.follow_purchase(id, request); }});
}

void Service::add_ledger(std::vector<Operation>& all) {
    const std::string v1 = "/api/v1/";
    all.push_back(
        {"prepareTransaction", "POST", v1 + "transactions:prepare", false, "", Load::kWrite,
         [this](const auto& request, const auto&) { return to_response(transactions_.prepare(request.body)); }});
    all.push_back({"submitTransaction", "POST", v1 + "transactions:submit", false, "", Load::kWrite,
                   [this](const auto& request, const auto&) {
                       const auto key = request.headers.find("idempotency-key");
                       return to_response(transactions_.submit(
                           request.body, key == request.headers.end() ? std::nullopt : std::optional(key->second),
                           request.headers.at("traceparent")));
                   }});
    all.push_back({"evaluateQuery", "POST", v1 + "queries:evaluate", false, "", Load::kLedger,
                   [this](const auto& request, const auto&) { return to_response(queries_.evaluate(request.body)); }});
    all.push_back({"getGrant", "GET", v1 + "grants/", true, "", Load::kLedger,
                   [this](const auto&, const auto& id) { return to_response(queries_.grant(id)); }});
    all.push_back(
        {"getReleases", "GET", v1 + "purchases/", true, "/releases", Load::kLedger,
         [this](const auto& request, const auto& id) { return to_response(queries_.releases(id, request.query)); }});
}

void Service::add_service(std::vector<Operation>& all) {
    all.push_back({"getHealth", "GET", "/healthz", false, "", Load::kRead,
                   [this](const auto&, const auto&) { return health(); }});
    all.push_back({"getLiveness", "GET", "/livez", false, "", Load::kNone, [](const auto&, const auto&) {
                       return HttpResponse{204, {}, {}};
                   }});
    all.push_back({"getMetrics", "GET", "/metrics", false, "", Load::kNone, [this](const auto&, const auto&) {
                       return HttpResponse{200, {{"content-type", "text/plain; version=0.0.4"}}, metrics_.text()};
                   }});
    all.push_back({"getDescription", "GET", "/openapi.json", false, "", Load::kNone, [](const auto&, const auto&) {
                       return HttpResponse{200, {{"content-type", "application/json"}}, openapi()};
                   }});
}

std::vector<Operation> Service::make_operations() {
    std::vector<Operation> all;
    add_records(all);
    add_lists(all);
    add_events(all);
    add_ledger(all);
    add_service(all);
    return all;
}

/// Of several that a path fits, the one with the longest fixed end; nullptr and what the path takes if the method is
/// wrong, nullptr and nothing if there is no such path.
const Operation* Service::find(const HttpRequest& request, std::string& allowed) const {
    const auto method = request.method == "HEAD" ? "GET" : request.method;
    const Operation* found = nullptr;
    for (const auto& operation : operations_) {
        if (!operation.matches(request.path)) continue;
        if (operation.method == method && (found == nullptr || operation.suffix.size() > found->suffix.size()))
            found = &operation;
        allowed = operation.method;
    }
    return found;
}

void Service::handle(HttpRequest request, HttpServer::Respond respond) {
    std::string allowed;
    const auto* found = find(request, allowed);
    if (found == nullptr) {
        if (allowed.empty()) return respond(to_response(fail("no_such_path", "see /openapi.json for what there is")));
        auto refusal = to_response(fail("method_not_allowed", "this path takes " + allowed));
        refusal.headers["allow"] = allowed;
        return respond(std::move(refusal));
    }
    const auto& operation = *found;
    const auto since = base::steady_now();
    const auto span = std::make_shared<base::SpanTimer>(spans_, std::string("dapp.") + operation.name,
                                                        trace_of(request, operation.load));
    request.headers["traceparent"] = span->traceparent();
    const auto answer = [this, &operation, since, span, respond](HttpResponse response) {
        finish(operation, since, *span, response);
        respond(std::move(response));
    };
    if (operation.load == Load::kNone) return answer(operation.work(request, {}));
    auto& limit = operation.load == Load::kWrite ? write_limit_ : read_limit_;
    if (!limit.admit(address_of(request.peer), since))
        return answer(to_response(fail("rate_limited", "too many requests from this address; wait a second")));
    const bool posted = pool_for(operation.load).post([&operation, answer, asked = std::move(request)] {
        answer(operation.work(asked, operation.id(asked.path)));
    });
    if (!posted) answer(to_response(fail("busy", "too many requests are waiting; ask again in a second")));
}

void Service::finish(const Operation& operation, std::chrono::microseconds since, base::SpanTimer& span,
                     HttpResponse& response) {
    const auto seconds = std::chrono::duration<double>(base::steady_now() - since).count();
    response.headers["server-timing"] = fmt::format("total;dur={:.3f}", seconds * 1e3);
    metrics_.count("fairstream_http_requests_total", 1,
                   {{"operation", operation.name}, {"status", std::to_string(response.status)}});
    metrics_.observe("fairstream_http_request_seconds", seconds, {{"operation", operation.name}});
    const auto trace = base::TraceContext::parse(span.traceparent());
    const base::LogField of_trace("trace", trace ? trace->trace_id() : std::string());
    if (response.status == 500) base::log_error("{} failed: {}", operation.name, response.body);
    base::log_debug("{}: status {}", operation.name, response.status);
    span.attribute("status", std::to_string(response.status));
    span.end(response.status < 500 ? std::string() : "status " + std::to_string(response.status));
}

/// As a ledger node's: network/operations_server.
HttpResponse Service::health() {
    const auto state = engine_.state();
    const auto why = why_not_ready(state);
    json::object out{{"live", true},
                     {"ready", why.empty()},
                     {"height", state.height},
                     {"sealed_height", state.sealed},
                     {"behind", state.sealed - state.height}};
    if (!why.empty()) out["why"] = why;
    return {why.empty() ? 200 : 503, {{"content-type", "application/json"}}, json::serialize(out) + "\n"};
}

/// Empty: it may serve clients.
std::string Service::why_not_ready(const events::EventEngine::State& state) {
    if (state.halted) return "the read model contradicts the chain, and only a rebuild helps: " + state.halted->message;
    if (!state.started) return "the read model is not open yet: PostgreSQL, or the chain, has not answered";
    if (!reads_.check()) return "PostgreSQL does not answer";
    return {};
}

}  // namespace

Result<std::unique_ptr<Api>> Api::start(base::net::Loop& loop, Options options, ledger::client::Client& client,
                                        events::EventEngine& engine, base::Metrics& metrics) {
    auto service = std::make_unique<Service>(options, client, engine, metrics);
    FS_TRY(service->listen(loop, options));
    return service;
}

}  // namespace fairstream::marketplace_dapp::api
