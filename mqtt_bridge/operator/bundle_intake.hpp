#pragma once

#include <deque>
#include <functional>
#include <map>

#include "base/metrics.hpp"
#include "base/net/loop_scope.hpp"
#include "base/pool.hpp"
#include "mqtt_bridge/client/bundle.hpp"
#include "mqtt_bridge/operator/stream_directory.hpp"
#include "mqtt_bridge/replicate/replicator.hpp"

namespace fairstream::mqtt_bridge::storage_operator {

/// The bundles that come in, from writers and from other operators: asks the ledger whose stream it is, and checks each
/// in the pool, one at a time per stream, so that they are handed on in the order in which they came. On the loop
/// thread.
class BundleIntake {
public:
    struct Outlets {
        /// What the ledger says of a stream. False: this operator does not hold it.
        std::function<bool(const StreamHash&, const StreamInfo&)> place;
        /// Checked: of this stream, and its writer's.
        std::function<void(replicate::Arrival)> arrived;
        /// What `peer` sent is no bundle of this stream's writer.
        std::function<void(const std::string& peer, const StreamHash&)> bad;
        /// Tells a writer at its inbox what is wrong. Errors: busy, not_my_stream, those of StreamDirectory::resolve
        /// and of client::check_bundle.
        std::function<void(const std::string& reply_to, const StreamHash&, const Error&)> refuse;
    };
    struct Incoming {
        Bytes raw;
        std::string peer;      // empty: the writer
        std::string grant;     // of the session that sent it; may be empty
        std::string reply_to;  // the sender's inbox; empty: nobody is told
        bool retried = false;
    };

    /// `network`: the channel. The other arguments must outlive it.
    BundleIntake(base::net::Loop& loop, base::Pool& pool, StreamDirectory& directory, base::Metrics& metrics,
                 std::string network, Outlets outlets);
    void close() { scope_.close(); }

    void add(const StreamHash& stream, Incoming incoming);

private:
    struct Inbox {
        std::deque<Incoming> waiting;
        bool busy = false;
    };
    static constexpr std::size_t kMaxWaiting = 256;  // bundles per stream
    static constexpr std::size_t kMaxWaitingBytes = 256u << 20;

    void next(const StreamHash& stream);
    void check(const StreamHash& stream, const StreamInfo& info);
    void checked(const StreamHash& stream, const StreamInfo& info, Result<client::CheckedBundle> record);
    void refuse(const StreamHash& stream, const Incoming& incoming, const Error& error);
    void done(const StreamHash& stream);

    base::net::LoopScope scope_;
    base::Pool& pool_;
    StreamDirectory& directory_;
    base::Metrics& metrics_;
    const std::string network_;
    const Outlets outlets_;
    std::map<StreamHash, Inbox> inboxes_;
    std::size_t waiting_bytes_ = 0;
};

}  // namespace fairstream::mqtt_bridge::storage_operator
