#include "ledger/client/gateways.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "base/assert.hpp"
#include "base/busy.hpp"
#include "base/clock.hpp"

namespace fairstream::ledger::client {

using namespace std::chrono_literals;
using base::net::RpcClient;

namespace {
/// How long a gateway may take to accept a connection before the next is tried.
constexpr auto kConnectPatience = 250ms;
/// RpcClient has no event for "connected"; this is how often a waiting caller looks.
constexpr auto kConnectPoll = 2ms;
constexpr auto kPauseAfterRefusal = 25ms;
}  // namespace

Gateways::Gateways(base::net::Loop& loop, const Options& options)
    : loop_(loop), options_(options), clients_(options.gateways.size()) {
    FS_ASSERT(!options.gateways.empty());
}

bool Gateways::is_transient(const Error& error) {
    return error.code == "disconnected" || error.code == "timeout" || error.code == "unavailable" ||
           error.code == "busy" || error.code == "tls_failed";
}

std::shared_ptr<RpcClient> Gateways::current() {
    const std::lock_guard lock(mutex_);
    if (!clients_[index_]) {
        const auto& gateway = options_.gateways[index_];
        clients_[index_] =
            RpcClient::make(loop_, gateway.address, {{}, {}, options_.trusted_roots}, gateway.server_name, {});
    }
    if (in_use_since_ == 0us) in_use_since_ = base::steady_now();
    return clients_[index_];
}

void Gateways::give_up_on(const std::shared_ptr<RpcClient>& client) {
    const std::lock_guard lock(mutex_);
    if (clients_[index_] != client) return;
    index_ = (index_ + 1) % clients_.size();
    in_use_since_ = base::steady_now();
}

bool Gateways::give_up_if_slow(const std::shared_ptr<RpcClient>& client) {
    {
        const std::lock_guard lock(mutex_);
        if (clients_.size() == 1 || base::steady_now() - in_use_since_ <= kConnectPatience) return false;
    }
    give_up_on(client);
    return true;
}

std::shared_ptr<RpcClient> Gateways::connected_before(std::chrono::microseconds deadline) {
    while (true) {
        auto client = current();
        if (client->connected()) return client;
        if (base::steady_now() >= deadline) return nullptr;
        if (!give_up_if_slow(client)) std::this_thread::sleep_for(kConnectPoll);
    }
}

Gateways::Answer Gateways::call(proto::GatewayMethod method, const Bytes& payload, std::chrono::milliseconds timeout,
                                std::chrono::milliseconds patience) {
    FS_ASSERT(!loop_.on_loop_thread());
    const auto deadline = base::steady_now() + timeout;
    Answer answer{fail("unreachable", "no gateway could be reached: " + names())};
    while (const auto client = connected_before(deadline)) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - base::steady_now());
        answer.maybe_received_before = answer.maybe_received;
        answer.result =
            client->call_and_wait(static_cast<std::uint16_t>(method), payload, std::clamp(left, 1ms, patience));
        if (answer.result || !is_transient(answer.result.error())) {
            answer.maybe_received = true;
            return answer;
        }
        const auto& error = answer.result.error();
        if (error.code == "disconnected" || error.code == "timeout") answer.maybe_received = true;
        give_up_on(client);
        const auto pause = base::retry_after(error).value_or(kPauseAfterRefusal);
        if (base::steady_now() + pause >= deadline) return answer;
        std::this_thread::sleep_for(pause);
    }
    return answer;
}

std::string Gateways::names() const {
    std::string out;
    for (const auto& gateway : options_.gateways) out += (out.empty() ? "" : ", ") + gateway.address.text();
    return out;
}

}  // namespace fairstream::ledger::client
