#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "mqtt_bridge/log/stream_log.hpp"
#include "mqtt_bridge/replicate/message.hpp"

namespace fairstream::mqtt_bridge::replicate {

using log::Hash;
using Peer = std::string;  // an operator's name

/// A bundle whose manifest and frames have been checked, and who brought it.
struct Arrival {
    std::shared_ptr<const log::Record> bundle;
    Peer peer;             // empty: the writer
    std::string reply_to;  // where the writer listens for refusals; may be empty
    bool closing = false;  // it ends a batch, which the ledger knows by a receipt over its very end
};

// ---- Events: what happened outside --------------------------------------------------------------------------------

/// The ledger drew (or drew anew) the stream's operators. Comes before anything else about the stream.
struct StreamPlaced {
    StreamHash stream;
    std::vector<Peer> operators;
    std::uint32_t quorum = 0;
};
/// At start: what the log holds.
struct Restored {
    StreamHash stream;
    Position position;
};
struct BundleArrived {
    Arrival arrival;
};
/// The log has answered an Append; what it appended is durable.
struct Stored {
    Arrival arrival;
    log::Outcome outcome = log::Outcome::kAppended;
};
/// `peer` sent bytes of this stream that are not what their manifest says.
struct BadBundle {
    Peer peer;
    StreamHash stream;
};
struct MarkArrived {
    Peer peer;
    MarkMessage mark;
};
/// A storage receipt signed by `peer`, verified. `encoded` is what is published.
struct ReceiptArrived {
    Peer peer;
    StreamHash stream;
    Position position;
    Bytes encoded;
};
struct FetchArrived {
    Peer peer;
    FetchMessage fetch;
};
struct PeerUp {
    Peer peer;
};
struct PeerDown {
    Peer peer;
};
struct Tick {
    TimePoint now;
};
using Event = std::variant<StreamPlaced, Restored, BundleArrived, Stored, BadBundle, MarkArrived, ReceiptArrived,
                           FetchArrived, PeerUp, PeerDown, Tick>;

// ---- Actions: what the shell is to do, in order --------------------------------------------------------------------

/// Append to the log and answer with Stored; appends of one stream in the order they are asked.
struct Append {
    Arrival arrival;
};
struct Push {
    Peer peer;
    std::shared_ptr<const log::Record> bundle;
};
struct SendMark {
    Peer peer;
    MarkMessage mark;
};
struct SendFetch {
    Peer peer;
    FetchMessage fetch;
};
/// Send `peer` the bundles from `from` on, a bounded number, then a mark with their end.
struct SendRange {
    Peer peer;
    StreamHash stream;
    std::uint64_t from = 0;
};
/// A quorum holds these frames: publish them to `live`.
struct PublishLive {
    StreamHash stream;
    std::uint64_t first = 0;
    std::uint64_t last = 0;
};
/// Sign one storage receipt over all of these; publish each one's here and send it to the stream's other operators.
struct SignMarks {
    struct One {
        StreamHash stream;
        Position position;
        std::vector<Peer> peers;
    };
    std::vector<One> marks;
};
struct PublishReceipt {
    StreamHash stream;
    Bytes encoded;
};
/// Tell the writer that its bundle does not continue what is stored here; `position` says where it must go on.
struct TellExpected {
    StreamHash stream;
    std::string reply_to;
    Position position;
};
/// The writer signed two stories: keep `arrival` as evidence and refuse it.
struct Conflict {
    Arrival arrival;
};
/// `peer` holds a different manifest chain, or sent wrong bytes.
struct PeerFault {
    Peer peer;
    StreamHash stream;
    std::string why;
};
using Action = std::variant<Append, Push, SendMark, SendFetch, SendRange, PublishLive, SignMarks, PublishReceipt,
                            TellExpected, Conflict, PeerFault>;

/// Replication of streams between operators (data-plane.md, "Replication"): one operator's side of it, as a value
/// machine. Bundles come from the writer or from peers; a stream is only ever extended in order; what is missing is
/// found by exchanging marks and fetched from whoever has it. No I/O, no clock, no randomness.
class Replicator {
public:
    struct Limits {
        std::chrono::milliseconds receipt_interval{50};  // at most one signature in this time
        std::chrono::milliseconds mark_interval{1'000};  // between marks to a peer that differs
        std::chrono::milliseconds patience{300};         // what is missing may still be under way
        std::chrono::milliseconds fetch_timeout{2'000};
        std::chrono::milliseconds shun{10'000};  // who sent wrong bytes is asked for no more for so long
        std::size_t max_waiting = 64;            // bundles beyond a gap, per stream
        std::size_t max_in_flight = 1024;        // bundles at the log, per stream
    };

    Replicator(Peer self, Limits limits);
    explicit Replicator(Peer self) : Replicator(std::move(self), Limits()) {}

    std::vector<Action> step(Event event);

    Position durable(const StreamHash& stream) const;
    bool placed(const StreamHash& stream) const;

private:
    struct PeerView {
        std::uint64_t confirmed = 0;    // on our chain
        Position latest;                // as it last said
        std::deque<Position> unproven;  // ahead of us
        Bytes receipt;
        std::uint64_t receipt_through = 0;
        std::map<std::uint64_t, Bytes> end_receipts;  // over recent ends of batches
        TimePoint shunned_until{};
    };
    struct Fetching {
        Peer peer;
        TimePoint deadline;
        std::uint64_t range_end = 0;  // 0: not yet known
    };
    struct Stream {
        bool placed = false;  // and this operator is one of its own
        std::uint32_t quorum = 0;
        std::map<Peer, PeerView> peers;
        Position durable;
        Position accepted;  // durable, and what is at the log
        std::deque<Arrival> in_flight;
        std::map<std::uint64_t, Arrival> waiting;  // by first number
        std::deque<Position> boundaries;           // recent ends of bundles, durable
        std::set<std::uint64_t> ends;              // recent ends of batches, durable
        std::uint64_t live_through = 0;
        std::optional<TimePoint> behind_since;
        std::optional<Fetching> fetching;
        Peer last_fetched;
    };

    void on(StreamPlaced event);
    void on(Restored event);
    void on(BundleArrived event);
    void on(Stored event);
    void on(BadBundle event);
    void on(MarkArrived event);
    void on(ReceiptArrived event);
    void on(FetchArrived event);
    void on(PeerUp event);
    void on(PeerDown event);
    void on(Tick event);

    void accept(Stream& stream, Arrival arrival);
    void drain_waiting(const StreamHash& id, Stream& stream);
    void stored_new(const StreamHash& id, Stream& stream, Arrival arrival);
    void stored_again(const StreamHash& id, Stream& stream, const Arrival& arrival);
    void note_mark(const StreamHash& id, Stream& stream, const Peer& peer, const Position& position);
    void prove(const StreamHash& id, Stream& stream, const Peer& peer, PeerView& view);
    void advance_live(const StreamHash& id, Stream& stream);
    void fetch_if_behind(const StreamHash& id, Stream& stream, bool at_once);
    void update_behind(const StreamHash& id, Stream& stream);
    void send_mark(const StreamHash& id, const Stream& stream, const Peer& peer, bool ask);
    void sign_if_due();
    SignMarks::One mark_to_sign(const StreamHash& id, const Position& position) const;
    Stream* of(const StreamHash& id, const Peer& peer);

    const Peer self_;
    const Limits limits_;
    TimePoint now_{};
    TimePoint last_signed_{};
    TimePoint last_marked_{};
    std::map<StreamHash, Stream> streams_;
    std::set<Peer> up_;
    std::set<StreamHash> dirty_;                          // a new receipt is due
    std::vector<std::pair<StreamHash, Position>> ended_;  // a receipt over this very end of a batch is due
    std::set<StreamHash> unequal_;                        // a peer differs, or may
    std::set<StreamHash> behind_;                         // something is missing here
    std::vector<Action> out_;
};

}  // namespace fairstream::mqtt_bridge::replicate
