// The session rules: what FAST's published code allows must fail here.

#include <catch2/catch.hpp>

#include "base/encoding.hpp"
#include "security_manager/gate/access_token.hpp"
#include "security_manager/gate/connect_proof.hpp"
#include "security_manager/gate/session_gate.hpp"
#include "security_manager/gate/topic.hpp"

using namespace fairstream;
using namespace fairstream::security_manager::gate;
using namespace std::chrono_literals;
namespace crypto = identity::crypto;

namespace {

const TimePoint t0 = base::from_us(1'763'690'000'000'000);
const StreamHash kStream = crypto::stream_hash("seller/traffic/1");
const StreamHash kOther = crypto::stream_hash("seller/weather/1");

Bytes frame(const StreamHash& stream, std::uint64_t sequence, std::uint64_t time_us = 0) {
    crypto::FrameHeader header;
    header.stream = stream;
    header.sequence = sequence;
    header.time_us = time_us;
    return header.encode();
}

/// A session as the daemon would announce it, with its token.
struct Issued {
    Session session;
    std::string token;
};

struct Fixture {
    SigningKey operator_key = SigningKey::generate();
    SigningKey holder = SigningKey::generate();
    SessionGate gate{"op1", "market", operator_key.public_key(), {}};
    int next = 1;

    /// Bought or writes 1 to 10 of kStream.
    Issued issue(SessionKind kind, const std::string& client_id, const std::string& purchase = "purchase-1") {
        Issued out;
        Session& session = out.session;
        session.id[0] = static_cast<std::uint8_t>(next);
        session.kind = kind;
        session.client_id = client_id;
        session.expires = t0 + 60s;
        if (kind != SessionKind::kBearer) {
            session.holder = holder.public_key();
            session.nonce = "nonce-" + std::to_string(next);
        }
        if (kind == SessionKind::kOperator) session.operator_name = "op2";
        if (kind == SessionKind::kUpload || session.reads()) {
            session.streams = {kStream};
            session.grant = "grant-" + std::to_string(next);
            session.first = 1;
            session.last = 10;
            if (session.reads()) session.purchase = purchase;
        }
        ++next;
        out.token = issue_token(operator_key, "op1", session, t0);
        session.token_hash = crypto::sha256(as_bytes(out.token));
        return out;
    }
    Issued announce(SessionKind kind, const std::string& client_id, const std::string& purchase = "purchase-1") {
        auto issued = issue(kind, client_id, purchase);
        REQUIRE(gate.announce(issued.session, t0));
        return issued;
    }
    Bytes proof(const Issued& issued, const SigningKey& key) const {
        return make_connect_proof(key, "market", "op1", issued.session.client_id, issued.token, issued.session.nonce)
            .encode();
    }
    Issued connect(SessionKind kind, const std::string& client_id, const std::string& purchase = "purchase-1") {
        auto issued = announce(kind, client_id, purchase);
        if (kind == SessionKind::kBearer)
            REQUIRE(gate.admit_bearer(client_id, issued.token, t0));
        else
            REQUIRE(gate.admit(client_id, proof(issued, holder), t0));
        return issued;
    }
    std::string refusal(const std::string& client_id, ByteView data, TimePoint now = t0) {
        const auto admitted = gate.admit(client_id, data, now);
        return admitted ? "admitted" : admitted.error().code;
    }
    std::string password_refusal(const std::string& client_id, const std::string& password, TimePoint now = t0) {
        const auto admitted = gate.admit_bearer(client_id, password, now);
        return admitted ? "admitted" : admitted.error().code;
    }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "gate: admits who proves the session's key, to that session") {
    const auto issued = announce(SessionKind::kDownload, "reader");
    const auto admitted = gate.admit("reader", proof(issued, holder), t0);
    REQUIRE(admitted);
    CHECK(*admitted == issued.session.id);
    REQUIRE(gate.session_of("reader") != nullptr);
    CHECK(gate.session_of("reader")->purchase == "purchase-1");
}

TEST_CASE_METHOD(Fixture, "gate: a guessed token admits nobody") {
    announce(SessionKind::kDownload, "reader");
    CHECK(refusal("reader", as_bytes("guess")) == "bad_proof");
    CHECK(refusal("reader", {}) == "bad_proof");
    // Well formed, and signed by somebody who is not the operator.
    auto forged = issue(SessionKind::kDownload, "reader");
    forged.token = issue_token(holder, "op1", forged.session, t0);
    CHECK(refusal("reader", proof(forged, holder)) == "bad_token");
}

TEST_CASE_METHOD(Fixture, "gate: a token of this operator that was never announced admits nobody") {
    const auto issued = issue(SessionKind::kDownload, "reader");
    CHECK(refusal("reader", proof(issued, holder)) == "unknown_session");
}

TEST_CASE_METHOD(Fixture, "gate: a token for another operator is refused") {
    auto issued = announce(SessionKind::kDownload, "reader");
    issued.token = issue_token(operator_key, "op9", issued.session, t0);
    CHECK(refusal("reader", proof(issued, holder)) == "wrong_audience");
}

TEST_CASE_METHOD(Fixture, "gate: a captured token is worth nothing without the holder's key") {
    const auto issued = announce(SessionKind::kDownload, "reader");
    CHECK(refusal("reader", proof(issued, SigningKey::generate())) == "bad_proof");
}

TEST_CASE_METHOD(Fixture, "gate: a foreign client id is refused") {
    const auto issued = announce(SessionKind::kDownload, "reader");
    announce(SessionKind::kDownload, "victim");
    CHECK(refusal("victim", proof(issued, holder)) == "wrong_client");
    CHECK(refusal("nobody", proof(issued, holder)) == "wrong_client");
}

TEST_CASE_METHOD(Fixture, "gate: a captured proof, replayed, is refused") {
    const auto issued = connect(SessionKind::kDownload, "reader");
    CHECK(refusal("reader", proof(issued, holder)) == "nonce_used");
    gate.disconnected("reader");
    CHECK(refusal("reader", proof(issued, holder)) == "nonce_used");

    SECTION("also when the daemon was away and announced the session again") {
        gate.close();
        gate.reopen("market", operator_key.public_key(), {});
        REQUIRE(gate.announce(issued.session, t0));
        CHECK(refusal("reader", proof(issued, holder)) == "nonce_used");
    }
    SECTION("a proof over a renewed session's nonce is another") {
        auto renewed = issued;
        renewed.session.nonce = "renewed";
        REQUIRE(gate.extend(issued.session.id, issued.session.token_hash, "renewed", t0 + 120s));
        CHECK(refusal("reader", proof(renewed, holder), t0) == "admitted");
    }
}

TEST_CASE("gate: however often one client renews and connects, the others still can") {
    Fixture market;
    constexpr std::size_t kMaxSessions = 4;
    market.gate.reopen("market", market.operator_key.public_key(), {.max_sessions = kMaxSessions});
    auto issued = market.announce(SessionKind::kDownload, "restless");
    for (std::size_t i = 0; i < 3 * kMaxSessions; ++i) {
        CHECK(market.refusal("restless", market.proof(issued, market.holder)) == "admitted");
        CHECK(market.refusal("restless", market.proof(issued, market.holder)) == "nonce_used");
        issued.session.nonce = "renewed-" + std::to_string(i);
        REQUIRE(market.gate.extend(issued.session.id, issued.session.token_hash, issued.session.nonce, t0 + 60s));
    }
    for (std::size_t i = 0; i < 3 * kMaxSessions; ++i) {  // and with a new session each time
        const auto another = market.connect(SessionKind::kDownload, "restless-" + std::to_string(i));
        market.gate.revoke(another.session.id);
        CHECK(market.refusal("restless-" + std::to_string(i), market.proof(another, market.holder)) ==
              "unknown_session");
    }
    market.connect(SessionKind::kDownload, "another");
}

TEST_CASE_METHOD(Fixture, "gate: a proof for another network or purpose does not verify") {
    const auto issued = announce(SessionKind::kDownload, "reader");
    const auto elsewhere =
        make_connect_proof(holder, "testnet", "op1", "reader", issued.token, issued.session.nonce).encode();
    CHECK(refusal("reader", elsewhere) == "bad_proof");
}

TEST_CASE_METHOD(Fixture, "gate: a token bound to a key is never a password") {
    const auto issued = announce(SessionKind::kDownload, "reader");
    CHECK(password_refusal("reader", issued.token) == "not_a_bearer_token");
    CHECK(password_refusal("reader", "") == "not_a_bearer_token");
    // Nor is a bearer token a proof.
    const auto bearer = announce(SessionKind::kBearer, "plain");
    CHECK(refusal("plain", proof(bearer, holder)) == "bad_token");
}

TEST_CASE_METHOD(Fixture, "gate: a bearer session admits one connection of one client id, for minutes") {
    const auto bearer = announce(SessionKind::kBearer, "plain");
    CHECK(password_refusal("other", bearer.token) == "wrong_client");
    CHECK(password_refusal("plain", bearer.token) == "admitted");
    CHECK(password_refusal("plain", bearer.token) == "bearer_in_use");
    gate.disconnected("plain");
    CHECK(password_refusal("plain", bearer.token) == "bearer_in_use");

    auto lasting = issue(SessionKind::kBearer, "lasting");
    lasting.session.expires = t0 + 1h;
    lasting.token = issue_token(operator_key, "op1", lasting.session, t0);
    lasting.session.token_hash = crypto::sha256(as_bytes(lasting.token));
    REQUIRE(gate.announce(lasting.session, t0));
    CHECK(password_refusal("lasting", lasting.token) == "bearer_too_long");
}

TEST_CASE("gate: an operator can switch bearer sessions off") {
    Fixture fixture;
    SessionGate strict("op1", "market", fixture.operator_key.public_key(), {.bearer_allowed = false});
    const auto bearer = fixture.issue(SessionKind::kBearer, "plain");
    REQUIRE(strict.announce(bearer.session, t0));
    const auto admitted = strict.admit_bearer("plain", bearer.token, t0);
    REQUIRE_FALSE(admitted);
    CHECK(admitted.error().code == "bearer_refused");
}

TEST_CASE_METHOD(Fixture, "gate: an expired session admits nobody, may do nothing, and is put out") {
    const auto later = announce(SessionKind::kDownload, "late");
    connect(SessionKind::kDownload, "reader");
    const auto live = live_topic(kStream);
    CHECK(gate.can_subscribe("reader", live, t0 + 59s));
    CHECK_FALSE(gate.can_subscribe("reader", live, t0 + 60s));
    CHECK_FALSE(gate.can_deliver("reader", live, frame(kStream, 1), t0 + 60s));
    CHECK(refusal("late", proof(later, holder), t0 + 60s) == "token_expired");
    CHECK(gate.expire(t0 + 59s).empty());
    CHECK(gate.expire(t0 + 60s) == std::vector<std::string>{"reader"});  // "late" never connected
    CHECK(gate.session_count() == 0);
}

TEST_CASE_METHOD(Fixture, "gate: a revoked session may do nothing more") {
    const auto first = connect(SessionKind::kDownload, "reader");
    connect(SessionKind::kDownload, "bystander");
    CHECK(gate.revoke_grant(first.session.grant) == std::vector<std::string>{"reader"});
    CHECK_FALSE(gate.can_subscribe("reader", live_topic(kStream), t0));
    CHECK(gate.can_subscribe("bystander", live_topic(kStream), t0));
    CHECK(refusal("reader", proof(first, holder)) == "unknown_session");
}

TEST_CASE_METHOD(Fixture, "gate: reading without paying") {
    const auto writer = connect(SessionKind::kUpload, "writer");
    const auto live = live_topic(kStream);
    // Not even the stream's writer reads what others pay for; nor does a client that was never admitted.
    CHECK_FALSE(gate.can_subscribe("writer", live, t0));
    CHECK_FALSE(gate.can_deliver("writer", live, frame(kStream, 1), t0));
    announce(SessionKind::kDownload, "announced-only");
    CHECK_FALSE(gate.can_subscribe("announced-only", live, t0));
    CHECK_FALSE(gate.can_deliver("announced-only", live, frame(kStream, 1), t0));
    CHECK_FALSE(gate.can_deliver("stranger", live, frame(kStream, 1), t0));
}

TEST_CASE_METHOD(Fixture, "gate: a frame asked for twice is metered once") {
    const auto issued = connect(SessionKind::kDownload, "reader");
    const auto live = live_topic(kStream);
    CHECK(gate.can_deliver("reader", live, frame(kStream, 7), t0));
    CHECK(gate.can_deliver("reader", live, frame(kStream, 7), t0 + 1s));  // broker resumed the client and asked again
    CHECK(gate.usage("purchase-1").entries == 1);
    CHECK_FALSE(gate.can_deliver("reader", live, frame(kStream, 11), t0));  // bought 1 to 10
    CHECK_FALSE(gate.can_deliver("reader", live, frame(kStream, 0), t0));
    CHECK(gate.can_deliver("reader", live, frame(kStream, 8), t0));
    const auto reported = gate.take_metered();
    REQUIRE(reported.size() == 1);
    CHECK(reported[0].session == issued.session.id);
    CHECK(reported[0].range == SequenceRange{7, 8});
    CHECK(gate.take_metered().empty());
}

TEST_CASE_METHOD(Fixture, "gate: a purchase is metered once over all its sessions") {
    connect(SessionKind::kDownload, "phone");
    connect(SessionKind::kDownload, "laptop");
    const auto live = live_topic(kStream);
    CHECK(gate.can_deliver("phone", live, frame(kStream, 3), t0));
    CHECK(gate.can_deliver("laptop", live, frame(kStream, 3), t0));
    CHECK(gate.can_deliver("laptop", live, frame(kStream, 9), t0));
    CHECK(gate.usage("purchase-1").entries == 2);
    CHECK(gate.usage("purchase-1").ranges == std::vector<SequenceRange>{{3, 3}, {9, 9}});
}

TEST_CASE_METHOD(Fixture, "gate: a window's frames are told by their own time, and its end is told once") {
    auto issued = issue(SessionKind::kDownload, "reader");
    issued.session.last = UINT64_MAX;
    issued.session.from_us = 1000;
    issued.session.until_us = 2000;
    REQUIRE(gate.announce(issued.session, t0));
    REQUIRE(gate.admit("reader", proof(issued, holder), t0));
    const auto live = live_topic(kStream);
    CHECK_FALSE(gate.can_deliver("reader", live, frame(kStream, 1, 999), t0));
    CHECK(gate.can_deliver("reader", live, frame(kStream, 2, 1000), t0));
    CHECK(gate.can_deliver("reader", live, frame(kStream, 3, 1999), t0));
    CHECK(gate.take_held_back().empty());
    CHECK_FALSE(gate.can_deliver("reader", live, frame(kStream, 4, 2000), t0));
    CHECK_FALSE(gate.can_deliver("reader", live, frame(kStream, 5, 2001), t0));
    const auto held = gate.take_held_back();
    REQUIRE(held.size() == 1);
    CHECK(held[0].window_over);
    CHECK(held[0].sequence == 4);
    CHECK(gate.usage("purchase-1").entries == 2);

    issued = issue(SessionKind::kDownload, "other");
    issued.session.from_us = 5;
    issued.session.until_us = 5;
    CHECK(gate.announce(issued.session, t0).error().code == "bad_session");
}

TEST_CASE_METHOD(
    Fixture, "gate: W entries are sent ahead of receipts, over all sessions of the purchase and the daemon's restart") {
    const auto with_window = [&](const std::string& client) {
        auto issued = issue(SessionKind::kDownload, client);
        issued.session.receipt_window = 4;
        return issued;
    };
    const auto phone = with_window("phone");
    REQUIRE(gate.announce(phone.session, t0));
    REQUIRE(gate.admit("phone", proof(phone, holder), t0));
    gate.note_served("purchase-1", std::vector<SequenceRange>{{1, 2}}, t0);  // over HTTPS
    const auto live = live_topic(kStream);
    CHECK(gate.can_deliver("phone", live, frame(kStream, 2), t0));
    CHECK(gate.can_deliver("phone", live, frame(kStream, 3), t0));
    CHECK(gate.can_deliver("phone", live, frame(kStream, 4), t0));
    CHECK_FALSE(gate.can_deliver("phone", live, frame(kStream, 5), t0));
    CHECK_FALSE(gate.can_deliver("phone", live, frame(kStream, 6), t0));
    const auto held = gate.take_held_back();
    REQUIRE(held.size() == 1);
    CHECK_FALSE(held[0].window_over);
    CHECK(held[0].sequence == 5);

    gate.close();  // the daemon died; the next one hears what was sent, and nothing more is
    gate.take_metered();
    gate.reopen("market", operator_key.public_key(), {});
    const auto laptop = with_window("laptop");
    REQUIRE(gate.announce(laptop.session, t0));
    const auto reported = gate.take_metered();
    REQUIRE(reported.size() == 1);
    CHECK(reported[0].range == SequenceRange{1, 4});
    REQUIRE(gate.admit("laptop", proof(laptop, holder), t0));
    CHECK_FALSE(gate.can_deliver("laptop", live, frame(kStream, 5), t0));

    gate.note_covered("purchase-1", std::vector<SequenceRange>{{1, 3}}, t0);
    CHECK(gate.can_deliver("laptop", live, frame(kStream, 5), t0));
    CHECK(gate.can_deliver("laptop", live, frame(kStream, 6), t0));
    CHECK(gate.can_deliver("laptop", live, frame(kStream, 7), t0));
    CHECK_FALSE(gate.can_deliver("laptop", live, frame(kStream, 8), t0));
    CHECK(gate.take_held_back().size() == 2);  // each time anew
}

TEST_CASE_METHOD(Fixture, "gate: frames are held to the topic they come on") {
    connect(SessionKind::kDownload, "reader");
    const auto live = live_topic(kStream);
    CHECK_FALSE(gate.can_deliver("reader", live, frame(kOther, 1), t0));
    CHECK_FALSE(gate.can_deliver("reader", live, as_bytes("no frame"), t0));
    CHECK_FALSE(gate.can_deliver("reader", live, {}, t0));
    CHECK_FALSE(gate.can_deliver("reader", live_topic(kOther), frame(kOther, 1), t0));
}

TEST_CASE_METHOD(Fixture, "gate: who may do what on which topic") {
    const auto writer = connect(SessionKind::kUpload, "writer");
    const auto reader = connect(SessionKind::kDownload, "reader");
    const auto plain = connect(SessionKind::kBearer, "plain");
    const auto peer = connect(SessionKind::kOperator, "peer");
    connect(SessionKind::kDaemon, "daemon");

    struct Row {
        std::string topic;
        std::string publishers;
        std::string subscribers;
    };
    const Row rows[] = {
        {up_topic(kStream), "writer daemon", "daemon"},
        {receipts_topic(kStream), "daemon", "writer reader daemon"},
        {live_topic(kStream), "daemon", "reader plain daemon"},
        {fetch_topic(kStream), "reader daemon", "daemon"},
        {up_topic(kOther), "daemon", "daemon"},
        {live_topic(kOther), "daemon", "daemon"},
        {receipts_topic(kOther), "daemon", "daemon"},
        {fetch_topic(kOther), "daemon", "daemon"},
        {inbox_topic(writer.session.id), "daemon", "writer daemon"},
        {inbox_topic(reader.session.id), "daemon", "reader daemon"},
        {inbox_topic(plain.session.id), "daemon", "plain daemon"},
        {inbox_topic(peer.session.id), "daemon", "peer daemon"},
        {operator_topic("op2", "replicate"), "peer daemon", "daemon"},
        {operator_topic("op3", "replicate"), "daemon", "daemon"},
        {operator_topic("op1", "replicate"), "daemon", "daemon"},
        {"fs/1/s/+/live", "", "daemon"},
        {"fs/1/s/" + base::to_hex(kStream) + "/#", "", "daemon"},
        {"fs/1/in/+", "", "daemon"},
        {"#", "", ""},
        {"$SYS/broker/version", "", ""},
        {"$share/g/" + live_topic(kStream), "", ""},
        {"elsewhere", "", ""},
        {"", "", ""},
    };
    for (const auto& row : rows)
        for (const std::string client : {"writer", "reader", "plain", "peer", "daemon", "stranger"}) {
            INFO(client << " on " << row.topic);
            CHECK(gate.can_publish(client, row.topic, false, t0) == (row.publishers.find(client) != std::string::npos));
            CHECK(gate.can_subscribe(client, row.topic, t0) == (row.subscribers.find(client) != std::string::npos));
        }
    // A retained message would stay in the broker beyond the session.
    CHECK_FALSE(gate.can_publish("writer", up_topic(kStream), /*retain=*/true, t0));
}

TEST_CASE_METHOD(Fixture, "gate: replies may be sent to one's own inbox only") {
    const auto reader = connect(SessionKind::kDownload, "reader");
    const auto other = connect(SessionKind::kDownload, "other");
    CHECK(gate.may_name_reply_topic("reader", inbox_topic(reader.session.id)));
    CHECK_FALSE(gate.may_name_reply_topic("reader", inbox_topic(other.session.id)));
    CHECK_FALSE(gate.may_name_reply_topic("reader", live_topic(kStream)));
    CHECK_FALSE(gate.may_name_reply_topic("stranger", inbox_topic(reader.session.id)));
}

TEST_CASE_METHOD(Fixture, "gate: what the daemon announces has bounds") {
    SessionGate small("op1", "market", operator_key.public_key(), {.max_sessions = 2});
    const auto code = [&](const Session& session) {
        const auto done = small.announce(session, t0);
        return done ? std::string("taken") : done.error().code;
    };
    const auto first = issue(SessionKind::kDownload, "one").session;
    CHECK(code(first) == "taken");
    CHECK(code(first) == "session_exists");
    CHECK(code(issue(SessionKind::kDownload, "one").session) == "client_id_taken");
    auto session = issue(SessionKind::kDownload, "two").session;
    session.client_id = "a/b";
    CHECK(code(session) == "bad_session");
    session.client_id = std::string(200, 'x');
    CHECK(code(session) == "bad_session");
    session.client_id = "two";
    session.first = 11;
    CHECK(code(session) == "bad_session");
    session.first = 1;
    session.expires = t0;
    CHECK(code(session) == "bad_session");
    session.expires = t0 + 1s;
    session.holder.reset();
    CHECK(code(session) == "bad_session");
    CHECK(code(issue(SessionKind::kDownload, "two").session) == "taken");
    CHECK(code(issue(SessionKind::kDownload, "three").session) == "too_many_sessions");
}

TEST_CASE_METHOD(Fixture, "gate: the daemon's end is everyone's end") {
    connect(SessionKind::kDownload, "reader");
    connect(SessionKind::kUpload, "writer");
    announce(SessionKind::kDownload, "idle");
    CHECK(gate.close().size() == 2);
    CHECK_FALSE(gate.can_publish("writer", up_topic(kStream), false, t0));
    CHECK(gate.session_count() == 0);
}
