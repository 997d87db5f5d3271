#pragma once

#include <map>
#include <set>

#include "base/net/loop_scope.hpp"
#include "base/net/rpc.hpp"
#include "ledger/gateway/surroundings.hpp"

namespace fairstream::ledger::gateway {

/// Followers of the chain: each gets the events of valid transactions after its checkpoint, first from stored blocks,
/// then as blocks are applied. A follower that does not keep up is waited for, not buffered for. Loop thread only;
/// blocks are read in the pool.
class EventStreams {
public:
    EventStreams(const Parts& parts, base::net::LoopScope& scope) : parts_(parts), scope_(scope) {}

    void add(proto::EventsRequest request, std::shared_ptr<base::net::Responder> responder);
    /// A block was applied, or sealed.
    void advanced();

private:
    struct Stream {
        std::set<std::string> contracts;  // empty: all
        bool sealed = false;
        proto::Checkpoint after;  // touched by the pool while `running`, else by the loop
        std::shared_ptr<base::net::Responder> responder;
        bool running = false;
        bool blocked = false;  // its queue was full
    };
    /// Delivers blocks up to `limit`; in the pool.
    Status deliver(Stream& stream, std::uint64_t limit) const;
    Status add_events(const Stream& stream, std::uint64_t height, const state::Snapshot& snapshot,
                      proto::EventBatch& batch) const;
    void wake(std::uint64_t number);
    void delivered(std::uint64_t number, const Status& status);

    const Parts& parts_;
    base::net::LoopScope& scope_;
    std::uint64_t next_ = 1;
    std::map<std::uint64_t, std::shared_ptr<Stream>> streams_;
};

}  // namespace fairstream::ledger::gateway
