// A real Mosquitto with our plugin, our daemon beside it, and real MQTT 5 clients.

#include <mqtt/async_client.h>

#include <catch2/catch.hpp>
#include <set>

#include "identity/crypto/frame.hpp"
#include "security_manager/gate/connect_proof.hpp"
#include "security_manager/gate/topic.hpp"
#include "tests/security_manager/fixtures.hpp"
#include "tests/support/mosquitto_process.hpp"

using namespace fairstream;
using namespace fairstream::tests;
namespace client = security_manager::client;

namespace {

const gate::StreamHash kStream = identity::crypto::stream_hash(kStreamId);

std::string frame(std::uint64_t sequence) {
    identity::crypto::FrameHeader header;
    header.stream = kStream;
    header.sequence = sequence;
    return base::to_string(header.encode()) + "ciphertext";
}

/// A plain MQTT client; calls answer false instead of throwing.
class MqttClient {
public:
    MqttClient(std::uint16_t port, const std::string& client_id)
        : client_("tcp://127.0.0.1:" + std::to_string(port), client_id, mqtt::create_options(MQTTVERSION_5)) {
        client_.set_message_callback([this](mqtt::const_message_ptr message) {
            const std::lock_guard lock(mutex_);
            received_.push_back({message->get_topic(), message->to_string()});
            if (message->get_properties().contains(mqtt::property::RESPONSE_TOPIC))
                response_topic_ = mqtt::get<std::string>(message->get_properties(), mqtt::property::RESPONSE_TOPIC);
        });
    }

    ~MqttClient() {
        try {
            if (client_.is_connected()) client_.disconnect(0)->wait_for(std::chrono::seconds(1));
        } catch (const mqtt::exception&) {
        }
    }

    bool connect(ByteView proof) {
        mqtt::properties properties;
        properties.add({mqtt::property::AUTHENTICATION_METHOD, std::string(gate::kAuthMethod)});
        properties.add({mqtt::property::AUTHENTICATION_DATA, base::to_string(proof)});
        mqtt::connect_options options;
        options.set_mqtt_version(MQTTVERSION_5);
        options.set_clean_start(true);
        options.set_properties(properties);
        return connect(options);
    }
    /// Connects with a last will, and disconnects asking for it to be sent.
    bool die_with_will(ByteView proof, const std::string& topic, const std::string& payload) {
        mqtt::properties properties;
        properties.add({mqtt::property::AUTHENTICATION_METHOD, std::string(gate::kAuthMethod)});
        properties.add({mqtt::property::AUTHENTICATION_DATA, base::to_string(proof)});
        mqtt::connect_options options;
        options.set_mqtt_version(MQTTVERSION_5);
        options.set_clean_start(true);
        options.set_properties(properties);
        options.set_will(mqtt::will_options(topic, payload, 1, false));
        if (!connect(options)) return false;
        mqtt::disconnect_options farewell;
        farewell.set_reason_code(mqtt::DISCONNECT_WITH_WILL_MESSAGE);
        return client_.disconnect(farewell)->wait_for(kPatience);
    }
    bool connect_with_password(const std::string& password) {
        mqtt::connect_options options;
        options.set_mqtt_version(MQTTVERSION_5);
        options.set_clean_start(true);
        options.set_user_name("reader");
        options.set_password(password);
        return connect(options);
    }
    bool connect_bare() {
        mqtt::connect_options options;
        options.set_mqtt_version(MQTTVERSION_5);
        options.set_clean_start(true);
        return connect(options);
    }
    bool subscribe(const std::string& topic) {
        try {
            const auto token = client_.subscribe(topic, 1);
            return token->wait_for(kPatience) && static_cast<int>(token->get_reason_code()) <= 2;
        } catch (const mqtt::exception&) {
            return false;
        }
    }
    /// True if the broker took it.
    bool publish(const std::string& topic, const std::string& payload, const std::string& response_topic = {}) {
        try {
            auto message = mqtt::make_message(topic, payload, 1, false);
            if (!response_topic.empty()) {
                mqtt::properties properties;
                properties.add({mqtt::property::RESPONSE_TOPIC, response_topic});
                message->set_properties(properties);
            }
            const auto token = client_.publish(message);
            // 16: nobody subscribes, and that is no refusal.
            return token->wait_for(kPatience) &&
                   (token->get_reason_code() == mqtt::SUCCESS || token->get_reason_code() == 16);
        } catch (const mqtt::exception&) {
            return false;
        }
    }
    bool connected() { return client_.is_connected(); }
    std::size_t received() const {
        const std::lock_guard lock(mutex_);
        return received_.size();
    }
    bool received(const std::string& payload) const {
        const std::lock_guard lock(mutex_);
        return std::any_of(received_.begin(), received_.end(), [&](const auto& m) { return m.second == payload; });
    }
    std::string response_topic() const {
        const std::lock_guard lock(mutex_);
        return response_topic_;
    }

private:
    bool connect(const mqtt::connect_options& options) {
        try {
            const auto token = client_.connect(options);
            return token->wait_for(kPatience) && client_.is_connected();
        } catch (const mqtt::exception&) {
            return false;
        }
    }

    mutable std::mutex mutex_;
    std::vector<std::pair<std::string, std::string>> received_;
    std::string response_topic_;
    mqtt::async_client client_;  // last: its callbacks touch the rest
};

/// Daemon, broker with an open gate, a seller's and a buyer's grant.
struct Market {
    TestDaemon daemon;
    MosquittoProcess broker{
        {daemon.folder.path(), FS_BINARY_DIR "/bin/libfairstream_gate.so", kOperator, daemon.socket(), {}, {}}};
    SigningKey seller = SigningKey::generate();
    SigningKey buyer = SigningKey::generate();
    base::net::HttpClient http = daemon.client();

    Market() {
        daemon.grants.put(make_grant(schema::UPLOAD, seller, "omega", {}, 1, UINT64_MAX));
        daemon.grants.put(make_grant(schema::DOWNLOAD, buyer, "delta", "purchase-1"));
        REQUIRE(eventually([&] { return daemon.manager->gates() == 1; }, kPatience));
    }

    client::Session open(const std::string& grant, const SigningKey& holder, bool bearer = false) {
        auto request = daemon.request(grant);
        request.bearer = bearer;
        auto session = client::open_session(http, request, holder, base::wall_now());
        INFO((session ? "" : session.error().message));
        REQUIRE(session);
        return *session;
    }
    std::unique_ptr<MqttClient> connect(const client::Session& session, const SigningKey& holder) {
        auto out = std::make_unique<MqttClient>(broker.port(), session.client_id);
        INFO(broker.log());
        REQUIRE(out->connect(client::connect_authentication(session, holder)));
        return out;
    }
    struct Brief {
        client::Session session;
        TimePoint first_end;
        std::unique_ptr<MqttClient> client;
    };
    /// A connection under a session that ends soon, or was to end soon and was renewed while it lived. How soon is
    /// found by trying: a slow machine gets the time that it needs.
    Brief connect_briefly(const std::string& grant, const SigningKey& holder, bool renewed) {
        for (std::chrono::seconds left{3}; left < std::chrono::minutes(2); left *= 2) {
            daemon.set_back(service::ServiceConfig().session_life - left);
            auto session = client::open_session(http, daemon.request(grant), holder, daemon.now());
            daemon.set_back(std::chrono::seconds{0});
            REQUIRE(session);
            const TimePoint end = session->expires;
            auto connection = std::make_unique<MqttClient>(broker.port(), session->client_id);
            if (!connection->connect(client::connect_authentication(*session, holder))) continue;
            if (renewed && !client::renew(http, *session, holder, base::wall_now())) continue;
            if (base::wall_now() < end - left / 4) return {std::move(*session), end, std::move(connection)};
        }
        FAIL("no connection within a minute: " + broker.log());
        return {};
    }
    std::unique_ptr<MqttClient> connect_daemon() {
        const auto local = on_loop(daemon.loop, [&] { return daemon.manager->local_session(); });
        REQUIRE(local);
        auto out = std::make_unique<MqttClient>(broker.port(), local->client_id);
        REQUIRE(out->connect(local->connect_authentication));
        return out;
    }
    std::uint64_t metered(const std::string& purchase) {
        return on_loop(daemon.loop, [&] {
            const auto* usage = daemon.manager->usage(purchase);
            return usage == nullptr ? std::uint64_t{0} : usage->entries();
        });
    }
};

}  // namespace

TEST_CASE("broker: a seller's bundle reaches the daemon, and durable frames reach the buyer, counted once") {
    Market market;
    auto daemon = market.connect_daemon();
    REQUIRE(daemon->subscribe(std::string(gate::kAllUploads)));

    auto seller = market.connect(market.open("omega", market.seller), market.seller);
    REQUIRE(seller->subscribe(gate::receipts_topic(kStream)));
    CHECK(seller->publish(gate::up_topic(kStream), "bundle"));
    CHECK(eventually([&] { return daemon->received("bundle"); }, kPatience));

    auto buyer = market.connect(market.open("delta", market.buyer), market.buyer);
    REQUIRE(buyer->subscribe(gate::live_topic(kStream)));
    for (const std::uint64_t sequence : {3, 4, 4}) daemon->publish(gate::live_topic(kStream), frame(sequence));
    CHECK(eventually([&] { return buyer->received() == 3; }, kPatience));
    CHECK(eventually([&] { return market.metered("purchase-1") == 2; }, kPatience));

    // Bought 1 to 10: frame 11 does not come, and what follows it does.
    daemon->publish(gate::live_topic(kStream), frame(11));
    daemon->publish(gate::live_topic(kStream), frame(5));
    CHECK(eventually([&] { return buyer->received(frame(5)); }, kPatience));
    CHECK_FALSE(buyer->received(frame(11)));

    daemon->publish(gate::receipts_topic(kStream), "receipt");
    CHECK(eventually([&] { return seller->received("receipt"); }, kPatience));
}

TEST_CASE("broker: nobody comes in without proof") {
    Market market;
    const auto session = market.open("delta", market.buyer);

    SECTION("neither method nor password") {
        CHECK_FALSE(MqttClient(market.broker.port(), session.client_id).connect_bare());
    }
    SECTION("a guessed token") {
        CHECK_FALSE(MqttClient(market.broker.port(), session.client_id).connect_with_password("guess"));
        CHECK_FALSE(MqttClient(market.broker.port(), session.client_id).connect(as_bytes("guess")));
    }
    SECTION("a token bound to a key, as a password") {
        CHECK_FALSE(MqttClient(market.broker.port(), session.client_id).connect_with_password(session.token));
    }
    SECTION("a captured session with another key") {
        const auto thief = SigningKey::generate();
        CHECK_FALSE(MqttClient(market.broker.port(), session.client_id)
                        .connect(client::connect_authentication(session, thief)));
    }
    SECTION("a foreign client id") {
        CHECK_FALSE(
            MqttClient(market.broker.port(), "other").connect(client::connect_authentication(session, market.buyer)));
    }
    SECTION("a captured proof, replayed") {
        const auto proof = client::connect_authentication(session, market.buyer);
        MqttClient first(market.broker.port(), session.client_id);
        REQUIRE(first.connect(proof));
        CHECK_FALSE(MqttClient(market.broker.port(), session.client_id).connect(proof));
        CHECK(first.connected());
    }
    CHECK(market.broker.running());
}

TEST_CASE("broker: a session reaches its own topics only") {
    Market market;
    auto daemon = market.connect_daemon();
    REQUIRE(daemon->subscribe(std::string(gate::kAllFetches)));
    const auto session = market.open("delta", market.buyer);
    auto buyer = market.connect(session, market.buyer);
    const auto other = identity::crypto::stream_hash("another stream");

    CHECK_FALSE(buyer->subscribe("#"));
    CHECK_FALSE(buyer->subscribe("fs/1/s/+/live"));
    CHECK_FALSE(buyer->subscribe("$share/group/" + gate::live_topic(kStream)));
    CHECK_FALSE(buyer->subscribe("$SYS/#"));
    CHECK_FALSE(buyer->subscribe(gate::live_topic(other)));
    CHECK_FALSE(buyer->subscribe(gate::up_topic(kStream)));
    CHECK_FALSE(buyer->subscribe(std::string(gate::kAllOperators)));
    CHECK_FALSE(buyer->publish(gate::up_topic(kStream), "forged"));
    CHECK_FALSE(buyer->publish(gate::live_topic(kStream), "forged"));
    CHECK_FALSE(buyer->publish(gate::operator_topic("op2", "replicate"), "forged"));

    REQUIRE(buyer->subscribe(session.inbox));
    // Replies go to its own inbox: named, or filled in by the gate; to nobody else's.
    CHECK(buyer->publish(gate::fetch_topic(kStream), "named", session.inbox));
    CHECK(eventually([&] { return daemon->received("named"); }, kPatience));
    CHECK_FALSE(buyer->publish(gate::fetch_topic(kStream), "astray", gate::inbox_topic(gate::SessionId{})));
    CHECK(buyer->publish(gate::fetch_topic(kStream), "unnamed"));
    CHECK(eventually([&] { return daemon->received("unnamed"); }, kPatience));
    CHECK(daemon->response_topic() == session.inbox);
    CHECK_FALSE(daemon->received("astray"));
    daemon->publish(session.inbox, "reply");
    CHECK(eventually([&] { return buyer->received("reply"); }, kPatience));
}

TEST_CASE("broker: no last will outlives the connection that may say it") {
    // A will is sent without the check of its response topic, so it must not be sent at all.
    Market market;
    auto daemon = market.connect_daemon();
    REQUIRE(daemon->subscribe(std::string(gate::kAllFetches)));
    const auto session = market.open("delta", market.buyer);
    MqttClient buyer(market.broker.port(), session.client_id);
    CHECK(
        buyer.die_with_will(client::connect_authentication(session, market.buyer), gate::fetch_topic(kStream), "will"));
    auto next = market.connect(market.open("delta", market.buyer), market.buyer);
    CHECK(next->publish(gate::fetch_topic(kStream), "after"));
    CHECK(eventually([&] { return daemon->received("after"); }, kPatience));
    CHECK_FALSE(daemon->received("will"));
}

TEST_CASE("broker: another operator speaks under its own name only") {
    Market market;
    auto daemon = market.connect_daemon();
    REQUIRE(daemon->subscribe(std::string(gate::kAllOperators)));
    const auto key = SigningKey::generate();
    market.daemon.grants.list("op2", key);
    auto request = market.daemon.request({});
    request.as_operator = "op2";
    const auto session = client::open_session(market.http, request, key, base::wall_now());
    REQUIRE(session);
    auto peer = market.connect(*session, key);

    CHECK(peer->publish(gate::operator_topic("op2", "replicate"), "bundle of op2"));
    CHECK(eventually([&] { return daemon->received("bundle of op2"); }, kPatience));
    CHECK_FALSE(peer->publish(gate::operator_topic("op3", "replicate"), "forged"));
    CHECK_FALSE(peer->subscribe(gate::operator_topic("op2", "replicate")));
    CHECK_FALSE(peer->subscribe(gate::live_topic(kStream)));
}

TEST_CASE("broker: a revoked session is disconnected") {
    Market market;
    auto buyer = market.connect(market.open("delta", market.buyer), market.buyer);
    auto seller = market.connect(market.open("omega", market.seller), market.seller);
    on_loop(market.daemon.loop, [&] {
        market.daemon.manager->revoke_grant("delta");
        return 0;
    });
    CHECK(eventually([&] { return !buyer->connected(); }, kPatience));
    CHECK(seller->connected());
    // The node still answers as before the revocation: no way back in.
    const auto again =
        client::open_session(market.http, market.daemon.request("delta"), market.buyer, base::wall_now());
    REQUIRE_FALSE(again);
    CHECK(again.error().code == "grant_revoked");
}

TEST_CASE("broker: an expired session is disconnected") {
    Market market;
    const auto brief = market.connect_briefly("delta", market.buyer, /*renewed=*/false);
    CHECK(eventually([&] { return !brief.client->connected(); }, kPatience));
    CHECK(base::wall_now() >= brief.first_end);
}

TEST_CASE("broker: a renewed session outlives its first end, and admits a second connection") {
    Market market;
    const auto [session, first_end, buyer] = market.connect_briefly("delta", market.buyer, /*renewed=*/true);
    REQUIRE(session.expires > first_end);
    REQUIRE(
        eventually([end = first_end] { return base::wall_now() > end + std::chrono::milliseconds(300); }, kPatience));
    CHECK(buyer->subscribe(gate::live_topic(kStream)));

    MqttClient again(market.broker.port(), session.client_id);
    CHECK(again.connect(client::connect_authentication(session, market.buyer)));
    CHECK(eventually([&client = *buyer] { return !client.connected(); }, kPatience));  // one connection per client id
    CHECK(again.subscribe(gate::live_topic(kStream)));  // and the second is not put out with the first
    INFO(market.broker.log());
    CHECK(market.broker.running());
}

TEST_CASE("broker: without its daemon the gate is closed, and opens with the next") {
    Market market;
    const auto session = market.open("delta", market.buyer);
    const auto unused = market.open("omega", market.seller);
    auto buyer = market.connect(session, market.buyer);
    market.daemon.stop();
    CHECK(eventually([&] { return !buyer->connected(); }, kPatience));
    CHECK_FALSE(MqttClient(market.broker.port(), unused.client_id)
                    .connect(client::connect_authentication(unused, market.seller)));
    CHECK(market.broker.running());

    market.daemon.start();
    REQUIRE(eventually([&] { return market.daemon.manager->gates() == 1; }, kPatience));
    // The sessions of before are gone, with their tokens; new ones open.
    CHECK_FALSE(MqttClient(market.broker.port(), unused.client_id)
                    .connect(client::connect_authentication(unused, market.seller)));
    market.connect(market.open("omega", market.seller), market.seller);
}

TEST_CASE("broker: a bearer session admits one plain client, to read") {
    Market market;
    auto daemon = market.connect_daemon();
    const auto session = market.open("delta", market.buyer, /*bearer=*/true);
    CHECK(session.expires - base::wall_now() <= std::chrono::minutes(5));
    CHECK_FALSE(MqttClient(market.broker.port(), "other").connect_with_password(session.token));
    MqttClient reader(market.broker.port(), session.client_id);
    REQUIRE(reader.connect_with_password(session.token));
    REQUIRE(reader.subscribe(gate::live_topic(kStream)));
    CHECK_FALSE(reader.publish(gate::up_topic(kStream), "forged"));
    daemon->publish(gate::live_topic(kStream), frame(1));
    CHECK(eventually([&] { return reader.received(frame(1)); }, kPatience));
    CHECK_FALSE(MqttClient(market.broker.port(), session.client_id).connect_with_password(session.token));
    CHECK(reader.connected());
}
