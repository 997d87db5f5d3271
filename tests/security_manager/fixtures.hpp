#pragma once

#include <atomic>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/net/http.hpp"
#include "identity/did/did_key.hpp"
#include "security_manager/client/session_client.hpp"
#include "security_manager/gate/session.hpp"
#include "security_manager/service/session_service.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test_pki.hpp"

namespace fairstream::tests {

namespace schema = chaincode::schema;
namespace gate = security_manager::gate;
namespace service = security_manager::service;
using identity::crypto::SigningKey;

inline constexpr char kNetwork[] = "test-market";
inline constexpr char kOperator[] = "op1";
inline constexpr char kStreamId[] = "did:key:zSeller/city/traffic/1763690000";

/// A grant as the ledger answers for it: active, for an hour, at op1 and op2.
inline schema::GrantReply make_grant(schema::GrantKind kind, const SigningKey& holder, const std::string& id,
                                     const std::string& purchase = {}, std::uint64_t first = 1,
                                     std::uint64_t last = 10) {
    schema::GrantReply reply;
    auto& grant = *reply.mutable_grant();
    grant.set_id(id);
    grant.set_kind(kind);
    grant.set_holder(identity::did::did_from_key(holder.public_key()));
    const auto& point = holder.public_key().compressed();
    grant.set_holder_key(std::string(point.begin(), point.end()));
    grant.set_stream_id(kStreamId);
    grant.set_first_sequence(first);
    grant.set_last_sequence(last);
    grant.set_expires_us(base::to_us(base::wall_now() + std::chrono::hours{1}));
    grant.add_operators("op1");
    grant.add_operators("op2");
    grant.set_purchase(purchase);
    reply.set_active(true);
    return reply;
}

/// What the ledger would answer.
class StubGrants : public service::GrantSource {
public:
    void put(schema::GrantReply reply) {
        const std::lock_guard lock(mutex_);
        const std::string id = reply.grant().id();
        grants_[id] = std::move(reply);
    }
    void list(const std::string& name, const SigningKey& key) {
        const std::lock_guard lock(mutex_);
        auto& entry = *operators_.add_operators();
        entry.set_name(name);
        entry.set_did(identity::did::did_from_key(key.public_key()));
        entry.set_active(true);
    }
    Result<schema::GrantReply> grant(const std::string& id) override {
        const std::lock_guard lock(mutex_);
        const auto found = grants_.find(id);
        if (found == grants_.end()) return fail("not_found", "no grant " + id);
        return found->second;
    }
    Result<schema::ListOperatorsReply> operators() override {
        const std::lock_guard lock(mutex_);
        return operators_;
    }
    Status redeem(const schema::DownloadDataStreamRequest& request) override {
        const std::lock_guard lock(mutex_);
        redeemed_.push_back(request);
        return {};
    }
    std::vector<schema::DownloadDataStreamRequest> redeemed() {
        const std::lock_guard lock(mutex_);
        return redeemed_;
    }

private:
    std::mutex mutex_;
    std::vector<schema::DownloadDataStreamRequest> redeemed_;
    std::map<std::string, schema::GrantReply> grants_;
    schema::ListOperatorsReply operators_;
};

/// Runs `job` on the loop and waits for what it returns.
template <typename Job>
auto on_loop(base::net::Loop& loop, Job job) {
    using Value = decltype(job());
    std::promise<std::unique_ptr<Value>> done;
    // Made where it stays: g++ 12 warns of moving some of these values out of a temporary.
    loop.post([&] { done.set_value(std::unique_ptr<Value>(new Value(job()))); });
    return std::move(*done.get_future().get());
}

/// An operator's security manager as its daemon runs it: HTTPS on loopback and the gate's socket.
class TestDaemon {
public:
    explicit TestDaemon(service::ServiceConfig config = {}) : operator_key(config.operator_key), config_(config) {
        config_.operator_name = kOperator;
        config_.network = kNetwork;
        config_.now = [this] { return now(); };
        loop.start();
        start();
    }
    ~TestDaemon() { stop(); }

    /// Once more after stop(), it is a new daemon with the same key, and knows no session.
    void start() {
        on_loop(loop, [&] {
            const base::net::TlsConfig tls{certificate_.certificate, certificate_.private_key, {}};
            auto listening = base::net::HttpServer::listen(
                loop, {}, tls, {}, [this](base::net::HttpRequest request, base::net::HttpServer::Respond respond) {
                    if (service::SessionService::handles(request))
                        manager->handle(std::move(request), std::move(respond));
                    else
                        respond(serve(request));
                });
            if (!listening) throw std::runtime_error(listening.error().message);
            http_ = std::move(*listening);
            config_.https_url = url();
            config_.mqtt_url = "mqtt://elsewhere";
            manager = std::make_unique<service::SessionService>(loop, config_, grants);
            const auto gates = manager->listen_for_gates(socket());
            if (!gates) throw std::runtime_error(gates.error().message);
            return 0;
        });
    }
    /// As if the daemon died.
    void stop() {
        if (!manager) return;
        on_loop(loop, [&] {
            http_.reset();
            manager.reset();
            return 0;
        });
    }

    /// The daemon's clock, which may be set back: what it opens then ends so much earlier for its broker, whose clock
    /// is the machine's.
    TimePoint now() const { return base::wall_now() - set_back_.load(); }
    void set_back(std::chrono::seconds by) { set_back_ = by; }

    std::string url() const { return "https://127.0.0.1:" + std::to_string(http_->port()); }
    std::filesystem::path socket() const { return folder / "gate.sock"; }
    base::net::HttpClient client() const { return base::net::HttpClient(ca_.certificate()); }
    security_manager::client::SessionRequest request(const std::string& grant) const {
        security_manager::client::SessionRequest out;
        out.https_url = url();
        out.operator_name = kOperator;
        out.network = kNetwork;
        out.grant = grant;
        return out;
    }

    TemporaryFolder folder;
    SigningKey operator_key;
    base::net::Loop loop;
    StubGrants grants;
    std::unique_ptr<service::SessionService> manager;

private:
    /// Stands for what the operator serves over HTTPS: who may read it.
    base::net::HttpResponse serve(const base::net::HttpRequest& request) {
        const auto session = manager->authorise(request);
        if (!session) return service::problem_for(session.error());
        return {200, {}, session->grant};
    }

    service::ServiceConfig config_;
    std::atomic<std::chrono::seconds> set_back_{std::chrono::seconds{0}};
    TestCa ca_ = make_test_ca("org1");
    PemPair certificate_ = ca_.issue("op1");
    std::unique_ptr<base::net::HttpServer> http_;
};

}  // namespace fairstream::tests
