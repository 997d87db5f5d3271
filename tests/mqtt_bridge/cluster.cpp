#include "tests/mqtt_bridge/cluster.hpp"

#include <catch2/catch.hpp>
#include <future>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "mqtt_bridge/operator/mosquitto_config.hpp"
#include "tests/support/ports.hpp"

namespace fairstream::tests {

using identity::crypto::SigningKey;
using mqtt_bridge::client::OperatorEndpoint;
using mqtt_bridge::storage_operator::OperatorConfig;
using mqtt_bridge::storage_operator::OperatorDaemon;
using namespace std::chrono_literals;

namespace {

std::string https_url(std::uint16_t port) {
    return "https://127.0.0.1:" + std::to_string(port);
}

}  // namespace

Cluster::Cluster(std::size_t count) : nodes_(count) {
    for (std::size_t i = 0; i < count; ++i) {
        nodes_[i].tls = ca_.issue(name(i));
        nodes_[i].https_port = own_port();
        schema::Operator listed;
        listed.set_name(name(i));
        listed.set_did(identity::did::did_from_key(nodes_[i].key.public_key()));
        listed.set_active(true);
        ledger_.list(listed);
    }
    for (std::size_t i = 0; i < count; ++i) start(i);
    if (!eventually([this] { return meshed(); })) throw std::runtime_error("the operators did not find one another");
}

Cluster::~Cluster() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) kill(i);
}

void Cluster::start(std::size_t index) {
    Node& node = nodes_[index];
    const auto folder = folder_ / name(index);
    std::filesystem::create_directories(folder);
    const auto write = [&](const char* file, const std::string& text) {
        REQUIRE(base::write_file(folder / file, as_bytes(text), 0600));
        return folder / file;
    };
    mqtt_bridge::storage_operator::BrokerConfig broker{.certificate = write("broker.pem", node.tls.certificate),
                                                       .private_key = write("broker.key", node.tls.private_key),
                                                       .trusted_roots = write("roots.pem", roots()),
                                                       .plugin = FS_BINARY_DIR "/bin/libfairstream_gate.so",
                                                       .gate_socket = folder / "gate.sock",
                                                       .operator_name = name(index),
                                                       .root = ::geteuid() == 0};
    node.broker = std::make_unique<MosquittoProcess>(
        MosquittoProcess::Options{.folder = folder,
                                  .plugin = {},
                                  .operator_name = {},
                                  .socket = {},
                                  .certificate = {},
                                  .private_key = {},
                                  .config_text = [broker](std::uint16_t port) mutable {
                                      broker.port = port;
                                      return mqtt_bridge::storage_operator::mosquitto_config(broker);
                                  }});
    node.loop = std::make_unique<base::net::Loop>();
    node.port = std::make_unique<StubLedger>(ledger_);
    OperatorConfig config;
    config.name = name(index);
    config.organisation = "org" + std::to_string(index + 1);
    config.network = kNetwork;
    config.key = node.key;
    config.data = data(index);
    config.gate_socket = folder / "gate.sock";
    config.listen = {"127.0.0.1", node.https_port};
    config.https_url = https_url(node.https_port);
    config.mqtt_url = "mqtts://127.0.0.1:" + std::to_string(node.broker->port());
    config.tls = {node.tls.certificate, node.tls.private_key, roots()};
    auto daemon = OperatorDaemon::start(*node.loop, config, *node.port);
    if (!daemon) throw std::runtime_error(daemon.error().code + ": " + daemon.error().message);
    node.daemon = std::move(*daemon);
    node.loop->start();
}

void Cluster::kill(std::size_t index) {
    Node& node = nodes_[index];
    if (!node.daemon) return;
    node.broker->stop();
    node.loop->stop();
    node.daemon.reset();
    node.loop.reset();
    node.broker.reset();
}

std::shared_ptr<void> Cluster::freeze(std::size_t index) {
    auto thawed = std::make_shared<std::promise<void>>();
    const auto* broker = nodes_[index].broker.get();
    broker->freeze();
    nodes_[index].loop->post([until = thawed->get_future().share()] { until.wait(); });
    return {thawed.get(), [thawed, broker](void*) {
                broker->thaw();
                thawed->set_value();
            }};
}

std::string Cluster::renew(std::size_t index) {
    Node& node = nodes_[index];
    node.tls = ca_.issue(name(index));
    const auto folder = folder_ / name(index);
    REQUIRE(base::write_file(folder / "broker.pem", as_bytes(node.tls.certificate), 0600));
    REQUIRE(base::write_file(folder / "broker.key", as_bytes(node.tls.private_key), 0600));
    node.broker->hang_up();
    std::promise<Status> used;
    node.loop->post([&] { used.set_value(node.daemon->use({node.tls.certificate, node.tls.private_key, roots()})); });
    REQUIRE(used.get_future().get());
    return node.tls.certificate;
}

bool Cluster::meshed() const {
    std::size_t running = 0;
    for (const Node& node : nodes_) running += node.daemon ? 1 : 0;
    for (const Node& node : nodes_)
        if (node.daemon && (!node.daemon->ready() || node.daemon->connected_peers() + 1 < running)) return false;
    return true;
}

OperatorEndpoint Cluster::endpoint(std::size_t index) const {
    const Node& node = nodes_[index];
    const std::uint16_t mqtt_port = node.broker ? node.broker->port() : 1;
    return {.name = name(index),
            .https_url = https_url(node.https_port),
            .mqtt_url = "mqtts://127.0.0.1:" + std::to_string(mqtt_port),
            .did = identity::did::did_from_key(node.key.public_key())};
}

std::vector<OperatorEndpoint> Cluster::endpoints() const {
    std::vector<OperatorEndpoint> out;
    for (std::size_t i = 0; i < size(); ++i) out.push_back(endpoint(i));
    return out;
}

std::string Cluster::grant(schema::GrantKind kind, const SigningKey& holder, const std::string& stream_id,
                           std::uint64_t first, std::uint64_t last) {
    std::string digits = std::to_string(++grants_);
    schema::Grant grant;
    grant.set_id(std::string(32 - digits.size(), '0') + digits);
    grant.set_kind(kind);
    grant.set_holder(identity::did::did_from_key(holder.public_key()));
    grant.set_holder_key(base::to_string(holder.public_key().compressed()));
    grant.set_stream_id(stream_id);
    grant.set_first_sequence(first);
    grant.set_last_sequence(last);
    grant.set_expires_us(base::to_us(base::wall_now() + 1h));
    if (kind == schema::DOWNLOAD) grant.set_purchase(grant.id());
    schema::Placement placement;
    placement.set_stream_id(stream_id);
    placement.set_quorum(std::min<std::uint32_t>(2, static_cast<std::uint32_t>(size())));
    for (std::size_t i = 0; i < size(); ++i) {
        grant.add_operators(name(i));
        placement.add_operators(name(i));
    }
    ledger_.grant(grant);
    if (kind == schema::UPLOAD) {
        placement.set_writer(grant.holder());
        placement.set_writer_key(grant.holder_key());
        ledger_.place(placement);
    }
    return grant.id();
}

std::string Cluster::window(const SigningKey& holder, const std::string& stream_id, std::uint64_t from_us,
                            std::uint64_t until_us, std::uint32_t receipt_window) {
    const std::string id = grant(schema::DOWNLOAD, holder, stream_id, 0, UINT64_MAX);
    schema::Grant bounded = ledger_.find_grant(id)->grant();
    bounded.set_from_us(from_us);
    bounded.set_until_us(until_us);
    bounded.set_receipt_window(receipt_window);
    ledger_.grant(bounded);
    return id;
}

void Cluster::shorten_at(std::size_t index, const std::string& grant, std::uint64_t until_us) {
    schema::Grant shorter = ledger_.find_grant(grant)->grant();
    shorter.set_until_us(until_us);
    nodes_[index].port->lie(shorter);
}

mqtt_bridge::client::WriterOptions writer_options(Cluster& cluster, const TestStream& stream,
                                                  const std::filesystem::path& spool) {
    return {.network = Cluster::kNetwork,
            .grant = cluster.grant(schema::UPLOAD, stream.seller, stream.id, 1, std::uint64_t{1} << 40),
            .holder = stream.seller,
            .stream_id = stream.id,
            .encryption_subkey = stream.encryption_subkey,
            .previous_manifest = {},
            .operators = cluster.endpoints(),
            .quorum = std::min<std::uint32_t>(2, static_cast<std::uint32_t>(cluster.size())),
            .trusted_roots = cluster.roots(),
            .spool = spool,
            .silence = 2000ms,
            .give_up = 30'000ms,
            .on_progress = {}};
}

mqtt_bridge::client::EpochKey epoch_key(std::uint32_t number) {
    return {number, Bytes(32, static_cast<std::uint8_t>(number)), Bytes(32, static_cast<std::uint8_t>(100 + number))};
}

mqtt_bridge::client::WriterOptions stream_options(Cluster& cluster, const TestStream& stream,
                                                  const std::filesystem::path& spool) {
    auto options = writer_options(cluster, stream, spool);
    options.encryption_subkey = epoch_key(1).encryption_subkey;
    options.mac_subkey = epoch_key(1).mac_subkey;
    options.flush_after = 20ms;
    options.key_of = [](std::uint32_t number) -> Result<mqtt_bridge::client::EpochKey> { return epoch_key(number); };
    return options;
}

mqtt_bridge::client::ReaderOptions reader_options(Cluster& cluster, const TestStream& stream, const SigningKey& buyer,
                                                  const mqtt_bridge::client::StoredBatch& batch, const Bytes& plaintext,
                                                  const std::filesystem::path& scratch) {
    const std::string grant =
        cluster.grant(schema::DOWNLOAD, buyer, stream.id, batch.first_sequence, batch.last_sequence);
    return {.network = Cluster::kNetwork,
            .grant = grant,
            .purchase = grant,
            .holder = buyer,
            .stream_id = stream.id,
            .first_sequence = batch.first_sequence,
            .last_sequence = batch.last_sequence,
            .merkle_root = batch.merkle_root,
            .sigma_d = identity::crypto::hmac_sha256(stream.mac_subkey, plaintext),
            .encryption_subkey = stream.encryption_subkey,
            .mac_subkey = stream.mac_subkey,
            .operators = cluster.endpoints(),
            .trusted_roots = cluster.roots(),
            .scratch = scratch,
            .timeout = 10'000ms,
            .on_progress = {}};
}

Result<mqtt_bridge::client::StoredBatch> upload(mqtt_bridge::client::Writer& writer, const TestStream& stream,
                                                const Bytes& plaintext, std::size_t piece) {
    for (std::size_t at = 0; at < plaintext.size(); at += piece)
        FS_TRY(writer.write(ByteView(plaintext).subspan(at, std::min(piece, plaintext.size() - at))));
    return writer.close(identity::crypto::hmac_sha256(stream.mac_subkey, plaintext));
}

}  // namespace fairstream::tests
