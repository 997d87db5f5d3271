#include "mqtt_bridge/operator/peers.hpp"

#include <mutex>
#include <optional>

#include "base/log.hpp"
#include "base/net/http.hpp"
#include "identity/did/did_key.hpp"
#include "security_manager/client/session_client.hpp"
#include "security_manager/gate/connect_proof.hpp"
#include "security_manager/gate/topic.hpp"

namespace fairstream::mqtt_bridge::storage_operator {

namespace sessions = security_manager::client;
using namespace std::chrono_literals;

namespace {

constexpr auto kAskEvery = 3s;
constexpr auto kAskAgain = 1s;
constexpr auto kTimeout = 5s;

/// Our session at one other operator. Used by one pool thread at a time.
class PeerSession {
public:
    PeerSession(Peers::Config config, client::OperatorEndpoint at)
        : config_(std::move(config)), at_(std::move(at)), http_(config_.trusted_roots) {}

    Result<BrokerLink::Opened> connect(client::MqttSession::Handlers handlers) {
        const std::lock_guard lock(mutex_);
        FS_TRY(prove());
        BrokerLink::Opened out;
        out.refresh_at = half_life();
        FS_ASSIGN(out.session, client::MqttSession::connect(
                                   {.url = at_.mqtt_url,
                                    .client_id = session_->client_id,
                                    .authentication_method = std::string(security_manager::gate::kAuthMethod),
                                    .authentication_data = sessions::connect_authentication(*session_, config_.key),
                                    .trusted_roots = config_.trusted_roots,
                                    .timeout = kTimeout},
                                   std::move(handlers)));
        return out;
    }

    Result<TimePoint> refresh() {
        const std::lock_guard lock(mutex_);
        FS_TRY(prove());
        return half_life();
    }

private:
    /// Renews the session there is, so that lost connections do not pile up sessions; opens one where there is none.
    Status prove() {
        const TimePoint now = base::wall_now();
        if (session_ && now < session_->expires && sessions::renew(http_, *session_, config_.key, now, kTimeout))
            return {};
        session_.reset();
        FS_ASSIGN(session_, sessions::open_session(http_,
                                                   {.https_url = at_.https_url,
                                                    .operator_name = at_.name,
                                                    .network = config_.network,
                                                    .grant = {},
                                                    .as_operator = config_.self,
                                                    .timeout = kTimeout},
                                                   config_.key, now));
        return {};
    }
    TimePoint half_life() const {
        const TimePoint now = base::wall_now();
        return now + (session_->expires - now) / 2;
    }

    std::mutex mutex_;
    const Peers::Config config_;
    const client::OperatorEndpoint at_;
    base::net::HttpClient http_;
    std::optional<sessions::Session> session_;
};

client::OperatorEndpoint endpoint_of(const chaincode::schema::Operator& from) {
    return {.name = from.name(), .https_url = from.https_url(), .mqtt_url = from.mqtt_url(), .did = from.did()};
}

}  // namespace

Peers::Peers(base::net::Loop& loop, base::Pool& pool, LedgerPort& ledger, Config config, Events events)
    : loop_(loop), scope_(loop), pool_(pool), ledger_(ledger), config_(std::move(config)), events_(std::move(events)) {}

void Peers::start() {
    scope_.post([this] { ask(); });
}

void Peers::close() {
    scope_.close();
    peers_.clear();
}

void Peers::ask() {
    const bool posted = pool_.post([this] {
        auto reply = std::make_shared<Result<chaincode::schema::ListOperatorsReply>>(ledger_.operators());
        scope_.post([this, reply] { listed_now(*reply); });
    });
    if (!posted) scope_.after(kAskAgain, [this] { ask(); });
}

void Peers::listed_now(const Result<chaincode::schema::ListOperatorsReply>& reply) {
    if (!reply) base::log_info("cannot list the operators: {}: {}", reply.error().code, reply.error().message);
    bool complete = reply.has_value();
    if (reply) {
        std::optional<client::OperatorEndpoint> self;
        for (const auto& one : reply->operators()) {
            if (one.name() == config_.self) self = endpoint_of(one);
            if (one.name() == config_.self || !one.active()) continue;
            if (one.mqtt_url().empty() || one.https_url().empty()) complete = false;
            take(endpoint_of(one));
        }
        complete = complete && self.has_value();
        events_.on_listed(self ? &*self : nullptr);
    }
    scope_.after(complete ? std::chrono::seconds(kAskEvery) : std::chrono::seconds(kAskAgain), [this] { ask(); });
}

void Peers::take(const client::OperatorEndpoint& at) {
    const auto known = peers_.find(at.name);
    if (known != peers_.end() && known->second.at == at) return;
    auto key = identity::did::key_from_did(at.did);
    if (!key || (known == peers_.end() && peers_.size() == kMaxPeers)) return;
    if (known != peers_.end()) {
        const bool was_up = known->second.link && known->second.link->up();
        peers_.erase(known);
        if (was_up) events_.on_down(at.name);
    }
    const bool reachable = !at.mqtt_url.empty() && !at.https_url.empty();
    peers_.emplace(at.name, Peer{at, std::move(*key), reachable ? connect(at) : nullptr});
}

std::unique_ptr<BrokerLink> Peers::connect(const client::OperatorEndpoint& at) {
    const auto session = std::make_shared<PeerSession>(config_, at);
    const std::string name = at.name;
    return std::make_unique<BrokerLink>(loop_, pool_, "operator " + name,
                                        BrokerLink::Steps{.prepare = [session]() -> Result<BrokerLink::Open> {
                                                              return [session](client::MqttSession::Handlers handlers) {
                                                                  return session->connect(std::move(handlers));
                                                              };
                                                          },
                                                          .refresh = [session] { return session->refresh(); }},
                                        BrokerLink::Events{.on_up = [this, name] { events_.on_up(name); },
                                                           .on_down = [this, name] { events_.on_down(name); },
                                                           .on_message = [](const client::MqttMessage&) {}});
}

Status Peers::send(const std::string& name, ByteView payload) {
    const auto found = peers_.find(name);
    if (found == peers_.end()) return fail("unknown_peer", name + " is not listed");
    if (!found->second.link) return fail("not_connected", name + " has no address yet");
    return found->second.link->publish(security_manager::gate::operator_topic(config_.self, "replicate"), payload);
}

const identity::crypto::VerifyingKey* Peers::key_of(const std::string& name) const {
    const auto found = peers_.find(name);
    return found == peers_.end() ? nullptr : &found->second.key;
}

std::size_t Peers::connected() const {
    std::size_t count = 0;
    for (const auto& [name, peer] : peers_) count += peer.link && peer.link->up() ? 1 : 0;
    return count;
}

}  // namespace fairstream::mqtt_bridge::storage_operator
