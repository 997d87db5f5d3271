#pragma once

#include <mutex>

#include "ledger/client/client.hpp"
#include "ledger/proto/methods.hpp"

namespace fairstream::ledger::client {

/// The gateways of Options, used one at a time: the next takes over when the one in use fails, is not ready, or cannot
/// be reached. Thread-safe.
class Gateways {
public:
    Gateways(base::net::Loop& loop, const Options& options);

    struct Answer {
        Result<Bytes> result;
        /// Some gateway may have received the request (a failed submission may still commit).
        bool maybe_received = false;
        /// And before the attempt that `result` tells of: a refusal takes that one not back.
        bool maybe_received_before = false;
    };
    /// Calls until a gateway answers or `timeout` passes, each for at most `patience`; for requests that may safely
    /// arrive more than once. Blocks; not on the loop thread. Errors: unreachable (no gateway was connected), timeout,
    /// unavailable, busy, and the gateway's own.
    Answer call(proto::GatewayMethod method, const Bytes& payload, std::chrono::milliseconds timeout,
                std::chrono::milliseconds patience);

    /// The one in use, connected or connecting.
    std::shared_ptr<base::net::RpcClient> current();
    /// `client` was of no use: the next is used from now on, unless another caller has seen to it already.
    void give_up_on(const std::shared_ptr<base::net::RpcClient>& client);
    /// The same, if `client` is still not connected after a while in use.
    bool give_up_if_slow(const std::shared_ptr<base::net::RpcClient>& client);

    /// Another gateway may do better, or the same one a little later.
    static bool is_transient(const Error& error);

private:
    std::shared_ptr<base::net::RpcClient> connected_before(std::chrono::microseconds deadline);
    std::string names() const;

    base::net::Loop& loop_;
    const Options& options_;
    std::mutex mutex_;
    std::size_t index_ = 0;
    std::chrono::microseconds in_use_since_{0};
    std::vector<std::shared_ptr<base::net::RpcClient>> clients_;  // made when first used
};

}  // namespace fairstream::ledger::client
