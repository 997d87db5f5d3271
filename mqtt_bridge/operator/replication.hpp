#pragma once

#include <map>
#include <set>

#include "base/metrics.hpp"
#include "base/net/loop_scope.hpp"
#include "base/pool.hpp"
#include "mqtt_bridge/client/mqtt_session.hpp"
#include "mqtt_bridge/operator/append_queue.hpp"
#include "mqtt_bridge/operator/bundle_intake.hpp"
#include "mqtt_bridge/operator/peers.hpp"
#include "mqtt_bridge/operator/stream_directory.hpp"
#include "mqtt_bridge/replicate/replicator.hpp"

namespace fairstream::mqtt_bridge::storage_operator {

/// The shell around the replication core: turns MQTT messages, the log's answers and time into events, and its actions
/// into messages, appends and signatures. What comes in goes through BundleIntake. On the loop thread.
class Replication {
public:
    struct Config {
        std::string self;
        std::string network;
        identity::crypto::SigningKey key;
        std::filesystem::path evidence;  // folder: bundles that convict their writer
    };
    struct Outlets {
        /// To a topic of our own broker.
        std::function<Status(const std::string& topic, ByteView payload, const client::PublishOptions&)> publish;
        /// The log cannot store: this operator must not go on.
        std::function<void(const Error&)> on_failure;
    };

    Replication(base::net::Loop& loop, base::Pool& pool, log::StreamLog& log, StreamDirectory& directory, Peers& peers,
                base::Metrics& metrics, Config config, Outlets outlets);

    /// Reads the log's marks and begins to tick.
    void start();
    void close();

    /// A bundle from a writer. `grant`: of the session that sent it, may be empty; `reply_to`: its inbox, may be empty.
    void on_upload(const StreamHash& stream, Bytes raw, const std::string& grant, const std::string& reply_to);
    /// From another operator, whose name the topic guarantees.
    void on_operator_message(const std::string& from, ByteView payload);
    void on_peer_up(const std::string& name);
    void on_peer_down(const std::string& name);

    struct KnownReceipt {
        std::uint64_t through = 0;
        Bytes encoded;
    };
    /// The newest receipts over a stream, by operator; of those it was active in since the start.
    const std::map<std::string, KnownReceipt>* receipts(const StreamHash& stream) const;

private:
    void restore();
    void tick();
    /// Whether we hold it.
    bool place(const StreamHash& stream, const StreamInfo& info);
    void refuse(const std::string& reply_to, const StreamHash& stream, const Error& error);

    void run(replicate::Event event);
    void act(replicate::Append action);
    void act(replicate::Push action);
    void act(replicate::SendMark action);
    void act(replicate::SendFetch action);
    void act(replicate::SendRange action);
    void act(replicate::PublishLive action);
    void act(replicate::SignMarks action);
    void act(replicate::PublishReceipt action);
    void act(replicate::TellExpected action);
    void act(replicate::Conflict action);
    void act(replicate::PeerFault action);
    void flush_marks();
    void on_marks(const std::string& from, ByteView body);
    void on_receipt(const std::string& from, ByteView body);
    void on_introduction(const std::string& from, ByteView body);
    Status send(const std::string& peer, std::uint8_t kind, ByteView body);
    bool introduce(const std::string& peer, const std::vector<StreamHash>& streams);
    void remember(const StreamHash& stream, const std::string& by, std::uint64_t through, const Bytes& encoded);

    base::net::LoopScope scope_;
    base::Pool& pool_;
    log::StreamLog& log_;
    StreamDirectory& directory_;
    Peers& peers_;
    base::Metrics& metrics_;
    const Config config_;
    const Outlets outlets_;
    replicate::Replicator core_;
    BundleIntake intake_;
    std::map<StreamHash, std::pair<std::vector<std::string>, std::uint32_t>> placed_;  // as the core was told
    std::set<StreamHash> unplaced_;  // in the log, and the ledger has not answered for them yet
    TimePoint retry_unplaced_{};
    std::map<std::string, std::set<StreamHash>> introduced_;
    std::map<std::string, std::vector<replicate::MarkMessage>> marks_out_;
    std::map<StreamHash, std::map<std::string, KnownReceipt>> receipts_;
    AppendQueue appends_;
};

}  // namespace fairstream::mqtt_bridge::storage_operator
