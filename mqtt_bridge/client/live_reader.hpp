#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "identity/crypto/frame.hpp"
#include "mqtt_bridge/client/frame_source.hpp"
#include "mqtt_bridge/client/live_order.hpp"

namespace fairstream::mqtt_bridge::client {

struct LiveReaderOptions {
    std::string network;  // the channel
    std::string grant;    // of kind DOWNLOAD
    std::string purchase;
    identity::crypto::SigningKey holder;  // pk_C's key
    std::string stream_id;
    std::uint64_t next_sequence = 0;             // where to go on; 0: at the first frame that the purchase covers
    TimePoint until{};                           // the end of the time that was paid for
    std::vector<OperatorEndpoint> operators;     // in the order in which they are tried
    std::string trusted_roots;                   // PEM
    std::chrono::milliseconds timeout{5'000};    // per request; an operator that is slower is left for another
    std::chrono::milliseconds probe{1'000};      // without a frame for so long, the operator is asked for what is next
    std::chrono::milliseconds give_up{120'000};  // with no operator that serves for so long, `take` fails
};

/// The buyer's end of a live stream: listens to one operator, fetches what it missed, goes on at another when that one
/// dies, freezes or lacks frames. Every frame that the purchase covers comes out once, in order; whether it is the
/// writer's, the caller finds out by opening it. Blocking; one thread at a time.
class LiveReader {
public:
    explicit LiveReader(LiveReaderOptions options);

    /// The next frames; waits up to `wait` for the first. None also while a receipt is wanted (`receipt_wanted`).
    /// Errors: window_over (all that was paid for has come), grant_refused, operators_unreachable.
    Result<std::vector<LiveFrame>> take(std::chrono::milliseconds wait);

    /// The operator serves no further until it has a receipt for what it served (W, marketplace.md).
    bool receipt_wanted() const { return receipt_wanted_; }
    /// Hands the operator in use a cumulative receipt. Errors: the operator's own, and of the transport.
    Status hand_in(const Receipted& receipted);

    /// What `frame`'s operator sent is not that frame: it and all after it are had from another.
    void reject(const LiveFrame& frame, const std::string& why);

    const std::string& operator_name() const { return options_.operators[current_].name; }
    /// Operators that refused, died or lied, and how; each once in a row.
    const std::vector<std::string>& faults() const { return faults_; }

private:
    using Clock = std::chrono::microseconds;  // of base::steady_now

    Status step(std::chrono::milliseconds wait);
    Status connect();
    Status leave(const Error& why);
    Status fetch(std::uint64_t from);
    Status listen(std::chrono::milliseconds wait);
    void notice(std::string_view payload);
    Result<LiveFrame> to_frame(Bytes bytes) const;
    bool paid_time_is_over() const;

    LiveReaderOptions options_;
    ReaderOptions fetching_;
    const identity::crypto::StreamHash stream_;
    const std::string live_topic_;
    LiveOrder order_;
    std::unique_ptr<OperatorLink> link_;
    std::unique_ptr<FrameSource> source_;
    std::size_t current_ = 0;
    bool receipt_wanted_ = false;
    bool over_ = false;
    std::set<std::string> over_said_by_;  // of the frame that is next
    Clock next_connect_{}, last_frame_, last_served_, gap_since_{};
    std::map<std::string, Error> troubles_;  // per operator, the last one
    std::vector<std::string> faults_;
};

}  // namespace fairstream::mqtt_bridge::client
