#pragma once

#include <memory>
#include <optional>

#include "mqtt_bridge/client/reader.hpp"
#include "mqtt_bridge/client/writer.hpp"
#include "mqtt_bridge/operator/operator_daemon.hpp"
#include "tests/mqtt_bridge/stub_ledger.hpp"
#include "tests/support/mosquitto_process.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test_pki.hpp"

namespace fairstream::tests {

/// Storage operators as they run in earnest (daemon, gate, Mosquitto, TLS), in this process, with a table for a ledger.
class Cluster {
public:
    static constexpr const char* kNetwork = "testnet";

    explicit Cluster(std::size_t count);
    ~Cluster();

    std::size_t size() const { return nodes_.size(); }
    void start(std::size_t index);
    /// As a power cut: the broker is killed, the daemon answers nobody any more.
    void kill(std::size_t index);
    /// Daemon and broker stand still, neither dead nor answering, until what is returned goes; before the cluster does.
    std::shared_ptr<void> freeze(std::size_t index);
    /// Another key and certificate for daemon and broker while they run; the certificate (PEM).
    std::string renew(std::size_t index);
    std::uint16_t https_port(std::size_t index) const { return nodes_[index].https_port; }
    std::uint16_t mqtts_port(std::size_t index) const { return nodes_[index].broker->port(); }
    mqtt_bridge::client::OperatorEndpoint endpoint(std::size_t index) const;
    std::vector<mqtt_bridge::client::OperatorEndpoint> endpoints() const;
    std::filesystem::path data(std::size_t index) const { return folder_ / (name(index) + "/data"); }
    bool ready(std::size_t index) const { return nodes_[index].daemon && nodes_[index].daemon->ready(); }
    /// Every running operator is ready and connected to the others that run.
    bool meshed() const;
    static std::string name(std::size_t index) { return "op" + std::to_string(index + 1); }

    /// A grant over the stream, and its placement on all operators.
    std::string grant(schema::GrantKind kind, const identity::crypto::SigningKey& holder, const std::string& stream_id,
                      std::uint64_t first, std::uint64_t last);
    /// A download grant for a time, with W; not bounded in sequence.
    std::string window(const identity::crypto::SigningKey& holder, const std::string& stream_id, std::uint64_t from_us,
                       std::uint64_t until_us, std::uint32_t receipt_window);
    /// That operator believes that the grant's time ended at `until_us`.
    void shorten_at(std::size_t index, const std::string& grant, std::uint64_t until_us);
    std::string roots() const { return ca_.certificate(); }
    LedgerTable& ledger() { return ledger_; }

private:
    struct Node {
        identity::crypto::SigningKey key = identity::crypto::SigningKey::generate();
        PemPair tls;
        std::uint16_t https_port = 0;
        std::unique_ptr<MosquittoProcess> broker;
        std::unique_ptr<base::net::Loop> loop;
        std::unique_ptr<StubLedger> port;
        std::unique_ptr<mqtt_bridge::storage_operator::OperatorDaemon> daemon;
    };

    TemporaryFolder folder_;
    TestCa ca_ = make_test_ca("test");
    LedgerTable ledger_;
    std::vector<Node> nodes_;
    int grants_ = 0;
};

/// A stream and its seller, with the keys that a custody would hold.
struct TestStream {
    explicit TestStream(std::string name) : id("did:key:seller/" + std::move(name) + "/1") {}

    std::string id;
    identity::crypto::SigningKey seller = identity::crypto::SigningKey::generate();
    Bytes encryption_subkey = identity::crypto::random_bytes(32);
    Bytes mac_subkey = identity::crypto::random_bytes(32);
};

mqtt_bridge::client::WriterOptions writer_options(Cluster& cluster, const TestStream& stream,
                                                  const std::filesystem::path& spool);
/// Of a stream that rolls its key epochs, under `epoch_key`.
mqtt_bridge::client::WriterOptions stream_options(Cluster& cluster, const TestStream& stream,
                                                  const std::filesystem::path& spool);
mqtt_bridge::client::EpochKey epoch_key(std::uint32_t number);
mqtt_bridge::client::ReaderOptions reader_options(Cluster& cluster, const TestStream& stream,
                                                  const identity::crypto::SigningKey& buyer,
                                                  const mqtt_bridge::client::StoredBatch& batch, const Bytes& plaintext,
                                                  const std::filesystem::path& scratch);
/// Writes all of `plaintext` in pieces of `piece` bytes and closes.
Result<mqtt_bridge::client::StoredBatch> upload(mqtt_bridge::client::Writer& writer, const TestStream& stream,
                                                const Bytes& plaintext, std::size_t piece);

}  // namespace fairstream::tests
