#include "marketplace_dapp/client/actor.hpp"

#include <algorithm>
#include <thread>

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "identity/credential/presentation.hpp"
#include "identity/did/did_key.hpp"

namespace fairstream::marketplace_dapp::client {

namespace schema = chaincode::schema;
using namespace std::chrono_literals;

namespace {
constexpr auto kDrawWithin = 15s;  // the block after the request's is decided within a fraction of a second
constexpr auto kDrawRetry = 20ms;
}  // namespace

Connection::Connection(base::net::Loop& loop, Profile profile)
    : profile_(std::move(profile)), ledger_(loop, profile_.ledger_options()) {}

Actor::Actor(Connection& connection, identity::crypto::SigningKey key)
    : connection_(connection),
      who_{.key = key, .did = identity::did::did_from_key(key.public_key()), .certificate = {}} {}

Result<schema::Actor> Actor::account(const std::string& did) {
    schema::GetActorRequest request;
    request.set_did(did);
    FS_ASSIGN(auto reply, query<schema::ActorReply>("actors", "GetActor", request));
    return reply.actor();
}

Result<std::int64_t> Actor::balance(const std::string& account) {
    schema::BalanceRequest request;
    request.set_account(account);
    FS_ASSIGN(const auto reply, query<schema::BalanceReply>("credits", "Balance", request));
    return reply.amount_micro();
}

Result<ledger::client::Commit> Actor::send(const std::string& to, std::int64_t amount_micro, const std::string& memo) {
    schema::TransferRequest request;
    request.set_to(to);
    request.set_amount_micro(amount_micro);
    request.set_memo(memo);
    return connection_.ledger().submit(who_, {"credits", "Transfer", ledger::proto::encode(request), {}});
}

Result<ledger::client::Commit> Actor::faucet(std::int64_t amount_micro) {
    schema::FaucetRequest request;
    request.set_amount_micro(amount_micro);
    return connection_.ledger().submit(who_, {"credits", "Faucet", ledger::proto::encode(request), {}});
}

Result<schema::AuditReply> Actor::audit() {
    return query<schema::AuditReply>("credits", "Audit", schema::AuditRequest{});
}

Result<schema::Actor> Actor::register_as(const char* function, const std::string& credential_jwt) {
    schema::RegisterRequest request;
    request.set_did(who_.did);
    const auto& point = who_.key.public_key().compressed();
    request.set_public_key(point.data(), point.size());
    Bytes presentation;
    if (!credential_jwt.empty()) {
        FS_ASSIGN(const auto jwt,
                  identity::credential::present(who_.key, credential_jwt, connection_.profile().network,
                                                base::to_hex(identity::crypto::random_bytes(16)), base::wall_now()));
        presentation = to_bytes(jwt);
    }
    FS_ASSIGN(auto reply, submit<schema::ActorReply>("actors", function, request, std::move(presentation)));
    return reply.actor();
}

Result<schema::GrantReply> Actor::drawn_grant(const std::string& grant) {
    schema::GetGrantRequest get;
    get.set_grant(grant);
    FS_ASSIGN(auto reply, query<schema::GrantReply>("security_manager", "GetGrant", get));
    if (reply.grant().operators_size() > 0) return reply;
    schema::DrawOperatorsRequest draw;
    draw.set_grant(grant);
    const auto deadline = base::steady_now() + kDrawWithin;
    for (;;) {
        auto drawn = submit<schema::GrantReply>("security_manager", "DrawOperators", draw);
        if (drawn) return drawn;
        if (drawn.error().code != "not_decided" || base::steady_now() > deadline) return drawn;
        std::this_thread::sleep_for(kDrawRetry);
    }
}

std::vector<mqtt_bridge::client::OperatorEndpoint> endpoints(const schema::GrantReply& grant,
                                                             std::string_view spread_by) {
    std::vector<mqtt_bridge::client::OperatorEndpoint> all;
    for (const auto& entry : grant.operators())
        all.push_back(
            {.name = entry.name(), .https_url = entry.https_url(), .mqtt_url = entry.mqtt_url(), .did = entry.did()});
    if (!all.empty()) {
        const auto hash = identity::crypto::sha256(as_bytes(spread_by));
        std::rotate(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(hash[0] % all.size()), all.end());
    }
    return all;
}

Stopwatch::Stopwatch() : last_(base::steady_now()) {}

void Stopwatch::mark(std::string step) {
    const auto now = base::steady_now();
    steps_.push_back({.step = std::move(step), .took = now - last_});
    last_ = now;
}

}  // namespace fairstream::marketplace_dapp::client
