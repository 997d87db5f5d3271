#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "security_manager/gate/wire.hpp"

using namespace fairstream;
using namespace fairstream::security_manager::gate;
using namespace std::chrono_literals;

namespace {

Session session() {
    Session out;
    out.id[3] = 7;
    out.kind = SessionKind::kDownload;
    out.client_id = "fs-0307";
    out.token_hash[0] = 1;
    out.nonce = "nonce";
    out.holder = SigningKey::generate().public_key();
    out.streams = {identity::crypto::stream_hash("one"), identity::crypto::stream_hash("two")};
    out.first = 1;
    out.last = UINT64_MAX;
    out.from_us = 1'763'000'000'000'000;
    out.until_us = 1'763'999'000'000'000;
    out.receipt_window = 1000;
    out.grant = "grant";
    out.purchase = "purchase";
    out.expires = base::from_us(1'763'690'000'000'001);
    return out;
}

Result<std::optional<wire::Message>> read(ByteView bytes) {
    wire::Reader reader;
    reader.feed(bytes);
    return reader.next();
}

}  // namespace

TEST_CASE("gate wire: an announced session arrives as it was") {
    const Session sent = session();
    const auto got = read(wire::encode(wire::Announce{sent}));
    REQUIRE(got);
    REQUIRE(*got);
    const auto& back = std::get<wire::Announce>(**got).session;
    CHECK(back.id == sent.id);
    CHECK(back.client_id == sent.client_id);
    CHECK(back.token_hash == sent.token_hash);
    CHECK(back.nonce == sent.nonce);
    CHECK(*back.holder == *sent.holder);
    CHECK(back.streams == sent.streams);
    CHECK(back.last == sent.last);
    CHECK(back.from_us == sent.from_us);
    CHECK(back.until_us == sent.until_us);
    CHECK(back.receipt_window == 1000);
    CHECK(back.purchase == sent.purchase);
    CHECK(back.expires == sent.expires);
}

TEST_CASE("gate wire: every message arrives, also in single bytes") {
    SessionId id{};
    id[15] = 9;
    wire::DaemonHello hello{wire::kVersion, "op1", "market", SigningKey::generate().public_key().compressed(), true};
    const std::vector<wire::Message> messages = {hello,
                                                 wire::Announce{session()},
                                                 wire::Extend{id, {}, "fresh", base::from_us(5)},
                                                 wire::Revoke{id},
                                                 wire::GateHello{wire::kVersion, "op1"},
                                                 wire::Admitted{id},
                                                 wire::Closed{id},
                                                 wire::Metered{id, 3, 9},
                                                 wire::Served{"purchase", {{1, 4}, {7, 7}}},
                                                 wire::Covered{"purchase", {}},
                                                 wire::HeldBack{id, wire::HeldBack::Why::kWindowOver, 12}};
    Bytes all;
    for (const auto& message : messages) append(all, wire::encode(message));
    wire::Reader reader;
    std::vector<std::size_t> kinds;
    for (const std::uint8_t byte : all) {
        reader.feed({&byte, 1});
        const auto got = reader.next();
        REQUIRE(got);
        if (*got) kinds.push_back((*got)->index());
    }
    CHECK(kinds == std::vector<std::size_t>{0, 1, 2, 3, 6, 7, 8, 9, 4, 5, 10});
}

TEST_CASE("gate wire: what is out of bounds is refused") {
    const auto code = [](const Bytes& bytes) {
        const auto got = read(bytes);
        return got ? std::string(*got ? "read" : "waits") : got.error().code;
    };
    Bytes frame = wire::encode(wire::Announce{session()});
    SECTION("a length above the limit, before its bytes have come") {
        CHECK(code({0x00, 0x00, 0x40, 0x01}) == "message_too_large");
    }
    SECTION("a frame cut short inside") {
        frame[3] = static_cast<std::uint8_t>(frame[3] - 1);
        frame.pop_back();
        CHECK(code(frame) == "bad_message");
    }
    SECTION("bytes behind the last field") {
        frame[3] = static_cast<std::uint8_t>(frame[3] + 1);
        frame.push_back(0);
        CHECK(code(frame) == "bad_message");
    }
    SECTION("unknown kinds") {
        CHECK(code({0, 0, 0, 1, 99}) == "bad_message");
        CHECK(code({0, 0, 0, 0}) == "bad_message");
        frame[4 + 1 + 16] = 77;  // the session's kind
        CHECK(code(frame) == "bad_message");
    }
    SECTION("a key that is no point") {
        wire::Announce announce{session()};
        frame = wire::encode(announce);
        const auto& point = announce.session.holder->compressed();
        const auto at = std::search(frame.begin(), frame.end(), point.begin(), point.end());
        *at = 9;
        CHECK(code(frame) == "bad_key");
    }
    SECTION("a session that contradicts itself") {
        auto broken = session();
        broken.grant.clear();
        CHECK(code(wire::encode(wire::Announce{broken})) == "bad_session");
    }
    SECTION("a metered range that ends before it begins") {
        CHECK(code(wire::encode(wire::Metered{{}, 5, 4})) == "bad_message");
    }
}

TEST_CASE("gate wire: damaged bytes never do worse than an error") {
    std::mt19937_64 random(7);
    const Bytes good = wire::encode(wire::Announce{session()});
    for (int round = 0; round < 20'000; ++round) {
        Bytes bytes = good;
        for (int flips = 0; flips < 3; ++flips)
            bytes[4 + random() % (bytes.size() - 4)] ^= static_cast<std::uint8_t>(random());
        wire::Reader reader;
        reader.feed(bytes);
        const auto got = reader.next();
        if (got && *got) static_cast<void>(wire::encode(**got));
    }
    SUCCEED();
}
