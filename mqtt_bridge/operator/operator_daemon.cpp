#include "mqtt_bridge/operator/operator_daemon.hpp"

#include <algorithm>
#include <atomic>
#include <boost/json.hpp>

#include "base/log.hpp"
#include "base/net/loop_scope.hpp"
#include "base/pool.hpp"
#include "identity/did/did_key.hpp"
#include "mqtt_bridge/client/notice.hpp"
#include "mqtt_bridge/log/file_stream_log.hpp"
#include "mqtt_bridge/operator/range_service.hpp"
#include "mqtt_bridge/operator/replication.hpp"
#include "mqtt_bridge/operator/report.hpp"
#include "security_manager/gate/connect_proof.hpp"
#include "security_manager/gate/topic.hpp"

namespace fairstream::mqtt_bridge::storage_operator {

namespace gate = security_manager::gate;
namespace service = security_manager::service;
using base::net::HttpRequest;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kBlockingThreads = 6;  // ledger, sessions at and connections to other operators
constexpr std::size_t kWorkThreads = 2;      // hashes, signatures, reading the log
constexpr std::size_t kMaxQueued = 8192;
constexpr auto kRetry = 2s;
constexpr auto kConnectTimeout = 5s;
constexpr auto kReconnectBefore = 60s;
constexpr auto kSettle = 15s;

}  // namespace

struct OperatorDaemon::Impl {
    Impl(base::net::Loop& on, OperatorConfig given, LedgerPort& port)
        : loop(on),
          config(std::move(given)),
          ledger(port),
          scope(on),
          blocking(kBlockingThreads, kMaxQueued),
          work(kWorkThreads, kMaxQueued) {}

    ~Impl() {
        scope.close();
        if (ranges) ranges->close();
        if (replication) replication->close();
        if (directory) directory->close();
        if (peers) peers->close();
        http.reset();
        broker.reset();
    }

    Status start() {
        FS_ASSIGN(log, log::FileStreamLog::open(config.data / "log"));
        reporter = std::make_unique<Reporter>(*log, config.name, config.network, config.key);
        FS_ASSIGN(directory, StreamDirectory::open(config.data / "streams", loop, blocking, ledger));
        sessions = std::make_unique<service::SessionService>(loop, session_config(), ledger);
        sessions->on_notice([this](const service::Session& to, const service::SessionNotice& what) { tell(to, what); });
        FS_TRY(sessions->listen_for_gates(config.gate_socket));
        make_peers();
        make_replication();
        const auto publish = [this](const std::string& topic, ByteView payload, const client::PublishOptions& options) {
            return to_broker(topic, payload, options);
        };
        ranges = std::make_unique<RangeService>(loop, work, *log, *replication, *sessions, metrics, publish);
        FS_ASSIGN(http,
                  base::net::HttpServer::listen(loop, config.listen, config.tls, {.max_body_bytes = 64u << 10},
                                                [this](HttpRequest request, base::net::HttpServer::Respond respond) {
                                                    handle(std::move(request), std::move(respond));
                                                }));
        make_broker_link();
        replication->start();
        peers->start();
        scope.post([this] { follow_revocations(); });
        return {};
    }

    service::ServiceConfig session_config() const {
        service::ServiceConfig out;
        out.operator_name = config.name;
        out.network = config.network;
        out.operator_key = config.key;
        out.https_url = config.https_url;
        out.mqtt_url = config.mqtt_url;
        out.bearer_allowed = config.bearer_allowed;
        out.accounts = config.data / "accounts";
        out.deliveries = config.deliveries;
        return out;
    }

    void tell(const service::Session& to, const service::SessionNotice& what) {
        using What = service::SessionNotice::What;
        using Type = client::Notice::Type;
        client::Notice notice;
        notice.type = what.what == What::kExpiring     ? Type::kExpiring
                      : what.what == What::kWindowOver ? Type::kWindowOver
                                                       : Type::kReceiptWanted;
        notice.stream = to.streams.front();
        notice.sequence = what.sequence;
        notice.expires = to.expires;
        (void)to_broker(gate::inbox_topic(to.id), as_bytes(notice.encode()), {});
    }

    void make_peers() {
        peers = std::make_unique<Peers>(
            loop, blocking, ledger,
            Peers::Config{.self = config.name,
                          .network = config.network,
                          .key = config.key,
                          .trusted_roots = config.tls.trusted_roots},
            Peers::Events{.on_up =
                              [this](const std::string& name) {
                                  base::log_info("connected to operator {}", name);
                                  replication->on_peer_up(name);
                                  connected = peers->connected();
                                  check_settled();
                              },
                          .on_down =
                              [this](const std::string& name) {
                                  replication->on_peer_down(name);
                                  connected = peers->connected();
                              },
                          .on_listed = [this](const client::OperatorEndpoint* self) { check_endpoints(self); }});
    }

    void make_replication() {
        replication = std::make_unique<Replication>(
            loop, work, *log, *directory, *peers, metrics,
            Replication::Config{.self = config.name,
                                .network = config.network,
                                .key = config.key,
                                .evidence = config.data / "evidence"},
            Replication::Outlets{
                .publish = [this](const std::string& topic, ByteView payload,
                                  const client::PublishOptions& options) { return to_broker(topic, payload, options); },
                .on_failure =
                    [this](const Error& error) {
                        base::log_error("the stream log cannot store: {}", error.message);
                        failed = true;
                        if (config.on_failure) config.on_failure(error);
                    }});
    }

    // ---- Our own broker -------------------------------------------------------------------------------------------

    void make_broker_link() {
        broker = std::make_unique<BrokerLink>(
            loop, blocking, "broker",
            BrokerLink::Steps{.prepare = [this] { return prepare_broker(); }, .refresh = nullptr},
            BrokerLink::Events{.on_up = [this] { broker_up = true; },
                               .on_down = [this] { broker_up = false; },
                               .on_message = [this](client::MqttMessage message) { on_message(std::move(message)); }});
    }

    Result<BrokerLink::Open> prepare_broker() {
        if (sessions->gates() == 0) return fail("no_gate", "the broker's gate is not connected yet");
        FS_ASSIGN(const auto session, sessions->local_session());
        const client::MqttOptions options{.url = config.mqtt_url,
                                          .client_id = session.client_id,
                                          .authentication_method = std::string(gate::kAuthMethod),
                                          .authentication_data = session.connect_authentication,
                                          .trusted_roots = config.tls.trusted_roots,
                                          .timeout = kConnectTimeout,
                                          .max_pending = 4096};
        const TimePoint refresh_at = session.expires - kReconnectBefore;
        return BrokerLink::Open(
            [options, refresh_at](client::MqttSession::Handlers handlers) -> Result<BrokerLink::Opened> {
                BrokerLink::Opened out{nullptr, refresh_at};
                FS_ASSIGN(out.session, client::MqttSession::connect(options, std::move(handlers)));
                FS_TRY(out.session->subscribe({std::string(gate::kAllUploads), std::string(gate::kAllFetches),
                                               std::string(gate::kAllOperators)}));
                return out;
            });
    }

    Status to_broker(const std::string& topic, ByteView payload, const client::PublishOptions& options) {
        if (!broker) return fail("not_connected", "the broker is not there yet");
        return broker->publish(topic, payload, options);
    }

    void on_message(client::MqttMessage message) {
        const auto topic = gate::parse_topic(message.topic);
        if (!topic) return;
        if (topic->kind == gate::TopicKind::kUp) return on_upload(topic->stream, std::move(message));
        if (topic->kind == gate::TopicKind::kFetch) return ranges->on_fetch(topic->stream, message);
        if (topic->kind == gate::TopicKind::kOperator && topic->rest == "replicate")
            replication->on_operator_message(topic->operator_name, message.payload);
    }

    void on_upload(const StreamHash& stream, client::MqttMessage message) {
        std::string grant;
        std::string reply_to;
        const auto inbox = gate::parse_topic(message.response_topic);
        if (inbox && inbox->kind == gate::TopicKind::kInbox) {
            reply_to = message.response_topic;
            const service::Session* session = sessions->find(inbox->session);
            if (session != nullptr && session->kind == gate::SessionKind::kUpload && session->covers(stream))
                grant = session->grant;
        }
        replication->on_upload(stream, std::move(message.payload), grant, reply_to);
    }

    // ---- The ledger -----------------------------------------------------------------------------------------------

    /// Ready means that a first upload finds the others: they are waited for, but the dead not for ever.
    void check_settled() {
        if (peers->connected() >= peers->listed()) settled = true;
        if (settled || settling) return;
        settling = true;
        scope.after(kSettle, [this] { settled = true; });
    }

    void check_endpoints(const client::OperatorEndpoint* self) {
        check_settled();
        if (self == nullptr) return;
        listed = self->mqtt_url == config.mqtt_url && self->https_url == config.https_url;
        if (listed || announcing) return;
        announcing = true;
        const bool posted = blocking.post([this] {
            chaincode::schema::SetEndpointsRequest request;
            request.set_name(config.name);
            request.set_mqtt_url(config.mqtt_url);
            request.set_https_url(config.https_url);
            auto done = std::make_shared<Status>(ledger.set_endpoints(request));
            scope.post([this, done] {
                announcing = false;
                if (*done)
                    listed = true;
                else
                    base::log_warn("cannot put our addresses on the ledger: {}: {}", done->error().code,
                                   done->error().message);
            });
        });
        if (!posted) announcing = false;
    }

    void follow_revocations() {
        const bool posted = blocking.post([this] {
            auto handle = std::make_shared<Result<std::shared_ptr<void>>>(ledger.follow_revocations(*sessions));
            scope.post([this, handle] {
                if (*handle)
                    revocations = std::move(**handle);
                else
                    scope.after(kRetry, [this] { follow_revocations(); });
            });
        });
        if (!posted) scope.after(kRetry, [this] { follow_revocations(); });
    }

    // ---- HTTPS ----------------------------------------------------------------------------------------------------

    void handle(HttpRequest request, base::net::HttpServer::Respond respond) {
        if (service::SessionService::handles(request)) return sessions->handle(std::move(request), std::move(respond));
        if (RangeService::handles(request)) return ranges->handle(request, respond);
        if (request.method != "GET")
            return respond(base::net::problem(405, {"bad_method", "only GET is answered here"}));
        if (request.path == "/healthz")
            return respond({ready() ? 200 : 503, {{"content-type", "application/json"}}, health()});
        if (request.path == "/v1/report") return report(request, respond);
        if (request.path == "/v1/info") return respond({200, {{"content-type", "application/json"}}, info()});
        if (request.path == "/metrics") {
            metrics.gauge("fairstream_operator_peers_connected", static_cast<double>(peers->connected()));
            metrics.gauge("fairstream_operator_gates", static_cast<double>(sessions->gates()));
            return respond({200, {{"content-type", "text/plain; version=0.0.4"}}, metrics.text()});
        }
        respond(base::net::problem(404, {"not_found", "nothing is served under " + request.path.substr(0, 128)}));
    }

    /// Reads the log, and signs: in the pool.
    void report(const HttpRequest& request, const base::net::HttpServer::Respond& respond) {
        const auto after = request.query.find("after");
        const bool posted =
            work.post([this, respond, from = after == request.query.end() ? std::string() : after->second] {
                const auto page = reporter->page(from, base::wall_now());
                if (!page) return respond(base::net::problem(400, page.error()));
                respond({200, {{"content-type", "application/jwt"}}, *page});
            });
        if (!posted) respond(base::net::problem(503, {"busy", "too much is waiting here"}, true));
    }

    bool ready() const { return !failed && broker_up && listed && settled && sessions->gates() > 0; }

    std::string health() const {
        boost::json::object out{{"live", !failed},
                                {"ready", ready()},
                                {"gate", sessions->gates() > 0},
                                {"broker", broker_up.load()},
                                {"listed", listed.load()},
                                {"log", !failed},
                                {"peers", connected.load()}};
        if (!ready()) out["why"] = why_not_ready();
        return boost::json::serialize(out);
    }

    const char* why_not_ready() const {
        if (failed) return "its stream log cannot be written";
        if (!broker_up) return "its broker cannot be reached";
        if (sessions->gates() == 0) return "the broker's module is not connected to it";
        if (!listed) return "the ledger does not list it with these addresses";
        return "it has not reached the other operators yet";
    }

    std::string info() const {
        return boost::json::serialize(boost::json::object{{"operator", config.name},
                                                          {"organisation", config.organisation},
                                                          {"network", config.network},
                                                          {"did", identity::did::did_from_key(config.key.public_key())},
                                                          {"https_url", config.https_url},
                                                          {"mqtt_url", config.mqtt_url}});
    }

    base::net::Loop& loop;
    const OperatorConfig config;
    LedgerPort& ledger;
    base::net::LoopScope scope;
    base::Metrics metrics;
    std::atomic<bool> broker_up{false};
    std::atomic<bool> listed{false};
    std::atomic<bool> failed{false};
    std::atomic<bool> settled{false};  // connected to every listed operator once, or waited long enough
    bool settling = false;
    std::atomic<std::size_t> connected{0};
    bool announcing = false;
    std::unique_ptr<log::FileStreamLog> log;
    std::unique_ptr<Reporter> reporter;
    std::unique_ptr<StreamDirectory> directory;
    std::unique_ptr<service::SessionService> sessions;
    std::shared_ptr<void> revocations;  // goes before the sessions it ends
    std::unique_ptr<Peers> peers;
    std::unique_ptr<Replication> replication;
    std::unique_ptr<RangeService> ranges;
    std::unique_ptr<base::net::HttpServer> http;
    std::unique_ptr<BrokerLink> broker;
    base::Pool blocking;  // last: the pools end their jobs before what the jobs use goes
    base::Pool work;
};

OperatorDaemon::OperatorDaemon(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
OperatorDaemon::~OperatorDaemon() = default;

Result<std::unique_ptr<OperatorDaemon>> OperatorDaemon::start(base::net::Loop& loop, OperatorConfig config,
                                                              LedgerPort& ledger) {
    auto impl = std::make_unique<Impl>(loop, std::move(config), ledger);
    FS_TRY(impl->start());
    return std::unique_ptr<OperatorDaemon>(new OperatorDaemon(std::move(impl)));
}

bool OperatorDaemon::ready() const {
    return impl_->ready();
}

std::size_t OperatorDaemon::connected_peers() const {
    return impl_->connected;
}

Status OperatorDaemon::use(const base::net::TlsConfig& tls) {
    return impl_->http->use(tls);
}

base::Metrics& OperatorDaemon::metrics() {
    return impl_->metrics;
}

}  // namespace fairstream::mqtt_bridge::storage_operator
