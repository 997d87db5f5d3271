#pragma once

#include <mutex>

#include "ledger/client/gateways.hpp"

namespace fairstream::ledger::client {

/// One follower of the chain: keeps its checkpoint, and asks the next gateway from there when a stream ends.
class Subscription : public std::enable_shared_from_this<Subscription> {
public:
    using OnBatch = std::function<void(const proto::EventBatch&)>;

    Subscription(base::net::Loop& loop, std::shared_ptr<Gateways> gateways, proto::EventsRequest request,
                 OnBatch on_batch);

    void start();
    /// When it returns, `on_batch` is not running (unless it is the caller) and never runs again.
    void cancel();

private:
    void open();  // on the loop, as are the next two
    void received(const Bytes& payload);
    void ended(const std::shared_ptr<base::net::RpcClient>& client, const Result<Bytes>& end);
    void open_later();

    base::net::Loop& loop_;
    std::shared_ptr<Gateways> gateways_;
    proto::EventsRequest request_;  // `after` moves with what was delivered
    OnBatch on_batch_;
    std::recursive_mutex mutex_;  // held while on_batch runs
    bool cancelled_ = false;
    bool pruned_ = false;  // a gateway had not all that was asked for, and the log has said so
    std::shared_ptr<base::net::RpcClient> client_;
    std::uint64_t stream_ = 0;
    std::uint64_t generation_ = 0;  // of the stream; late items of an older one are dropped
};

}  // namespace fairstream::ledger::client
