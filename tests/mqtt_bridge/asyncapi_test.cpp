// docs/asyncapi.yaml against the gate and the decoders.

#include <yaml-cpp/yaml.h>

#include <catch2/catch.hpp>

#include "base/encoding.hpp"
#include "mqtt_bridge/client/notice.hpp"
#include "security_manager/gate/access_token.hpp"
#include "security_manager/gate/connect_proof.hpp"
#include "security_manager/gate/session_gate.hpp"
#include "security_manager/gate/topic.hpp"

using namespace fairstream;
using namespace fairstream::security_manager::gate;
using namespace std::chrono_literals;
namespace client = mqtt_bridge::client;

namespace {

const TimePoint t0 = base::from_us(1'763'690'000'000'000);
const StreamHash kStream = [] {
    StreamHash out;
    out.fill(0xaa);
    return out;
}();

const YAML::Node& document() {
    static const YAML::Node root = YAML::LoadFile(FS_SOURCE_DIR "/docs/asyncapi.yaml");
    return root;
}

std::set<std::string> names(const YAML::Node& list) {
    std::set<std::string> out;
    for (const auto& one : list) out.insert(one.as<std::string>());
    return out;
}

/// A connected session of every kind.
class Everyone {
public:
    Everyone() {
        for (const SessionKind kind : {SessionKind::kUpload, SessionKind::kDownload, SessionKind::kOperator,
                                       SessionKind::kDaemon, SessionKind::kBearer})
            connect(kind);
    }

    std::string address(SessionKind kind, std::string text) const {
        const auto put = [&](const std::string& name, const std::string& value) {
            if (const auto at = text.find(name); at != std::string::npos) text.replace(at, name.size(), value);
        };
        put("{stream}", base::to_hex(kStream));
        put("{session}", to_text(id_of(kind)));
        put("{operator}", "op2");
        return text;
    }
    bool may_send(SessionKind kind, const std::string& topic) const {
        return gate_.can_publish(client_of(kind), address(kind, topic), /*retain=*/false, t0);
    }
    bool may_receive(SessionKind kind, const std::string& topic) const {
        return gate_.can_subscribe(client_of(kind), address(kind, topic), t0);
    }

private:
    static SessionId id_of(SessionKind kind) {
        SessionId id{};
        id[0] = static_cast<std::uint8_t>(kind);
        return id;
    }
    static std::string client_of(SessionKind kind) { return std::string(to_text(kind)); }

    void connect(SessionKind kind) {
        Session session;
        session.id = id_of(kind);
        session.kind = kind;
        session.client_id = client_of(kind);
        session.expires = t0 + 60s;
        if (kind != SessionKind::kBearer) {
            session.holder = holder_.public_key();
            session.nonce = session.client_id;
        }
        if (kind == SessionKind::kOperator) session.operator_name = "op2";
        if (kind == SessionKind::kUpload || session.reads()) {
            session.streams = {kStream};
            session.grant = session.client_id;
            session.first = session.last = 1;
        }
        const std::string token = issue_token(operator_key_, "op1", session, t0);
        session.token_hash = identity::crypto::sha256(as_bytes(token));
        REQUIRE(gate_.announce(session, t0));
        if (kind == SessionKind::kBearer) {
            REQUIRE(gate_.admit_bearer(session.client_id, token, t0));
        } else {
            const auto proof = make_connect_proof(holder_, "market", "op1", session.client_id, token, session.nonce);
            REQUIRE(gate_.admit(session.client_id, proof.encode(), t0));
        }
    }

    SigningKey operator_key_ = SigningKey::generate();
    SigningKey holder_ = SigningKey::generate();
    SessionGate gate_{"op1", "market", operator_key_.public_key(), {}};
};

}  // namespace

TEST_CASE("asyncapi: who may send and receive on each channel is what the gate says") {
    const Everyone everyone;
    std::set<TopicKind> kinds;
    for (const auto& channel : document()["channels"]) {
        const std::string address = channel.second["address"].as<std::string>();
        INFO(address);
        const auto topic = parse_topic(everyone.address(SessionKind::kDownload, address));
        REQUIRE(topic);
        kinds.insert(topic->kind);
        const auto senders = names(channel.second["x-send"]);
        const auto receivers = names(channel.second["x-receive"]);
        for (const SessionKind kind : {SessionKind::kUpload, SessionKind::kDownload, SessionKind::kOperator,
                                       SessionKind::kDaemon, SessionKind::kBearer}) {
            const std::string name(to_text(kind));
            INFO(name);
            if (kind != SessionKind::kDaemon)  // the daemon is the operator itself: it may say everything
                CHECK(everyone.may_send(kind, address) == senders.contains(name));
            CHECK(everyone.may_receive(kind, address) == receivers.contains(name));
        }
    }
    CHECK(kinds.size() == 6);
}

TEST_CASE("asyncapi: every example is read, and every type of notice has one") {
    const YAML::Node messages = document()["components"]["messages"];
    const auto hex = [&](const char* message) {
        return base::from_hex(messages[message]["examples"][0]["x-hex"].as<std::string>()).value();
    };
    const auto header = identity::crypto::FrameHeader::decode(hex("frame")).value();
    CHECK(header.sequence == 7);
    CHECK(header.key_epoch == 2);
    CHECK(header.stream == kStream);
    CHECK(header.encode() == hex("frame"));
    const auto request = client::RangeRequest::decode(hex("rangeRequest")).value();
    CHECK(request.from == 7);
    CHECK(request.limit == 256);
    const Bytes answer = hex("rangeAnswer");
    CHECK(answer[0] == 0);
    CHECK(client::split_frames(ByteView(answer).subspan(1)).value() ==
          std::vector<Bytes>{to_bytes("abc"), to_bytes("de")});

    std::set<std::string> seen;
    for (const auto& example : messages["notice"]["examples"]) {
        // Numbers are written without quotes in JSON, hex digits with.
        std::string json;
        for (const auto& member : example["payload"]) {
            const std::string name = member.first.as<std::string>(), value = member.second.as<std::string>();
            const bool number = name == "through" || name == "sequence" || name == "expires";
            json += (json.empty() ? "{\"" : ",\"") + name + "\":" + (number ? value : "\"" + value + "\"");
        }
        const auto notice = client::Notice::decode(json + "}");
        INFO(json);
        REQUIRE(notice);
        CHECK(client::Notice::decode(notice->encode())->encode() == notice->encode());
        seen.insert(example["payload"]["type"].as<std::string>());
    }
    CHECK(seen == names(messages["notice"]["payload"]["properties"]["type"]["enum"]));
    CHECK(seen.size() == 5);
}
