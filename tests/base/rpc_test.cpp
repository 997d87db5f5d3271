#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <future>

#include "base/net/rpc.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/test_pki.hpp"

using namespace fairstream;
using namespace fairstream::base::net;
using namespace std::chrono_literals;
using tests::eventually;

namespace {

enum Method : std::uint16_t { kEcho = 1, kRefuse, kForget, kNeverAnswer, kCount, kFlood, kLarge };

/// One organisation's server and its certificates, with the methods above.
struct RpcFixture {
    tests::TestCa ca = tests::make_test_ca("org1");
    tests::PemPair server_pem = ca.issue("node1");
    tests::PemPair client_pem = ca.issue("node2");
    TlsConfig server_tls{server_pem.certificate, server_pem.private_key, ca.certificate()};
    TlsConfig client_tls{client_pem.certificate, client_pem.private_key, ca.certificate()};
    RpcLimits limits;

    std::atomic<int> notices{0};
    std::atomic<int> refused_items{0};
    std::atomic<int> accepted_items{0};
    std::atomic<bool> stop_flood{false};
    std::mutex mutex;
    Bytes last_certificate;
    std::vector<std::shared_ptr<Responder>> unanswered;
    std::thread flood;

    Loop loop;
    std::unique_ptr<RpcServer> server;

    RpcFixture() { loop.start(); }
    ~RpcFixture() {
        stop_flood = true;
        if (flood.joinable()) flood.join();
        stop_server();
        unanswered.clear();
    }

    void start_server(std::uint16_t port = 0, bool require_client_certificate = true) {
        auto made = RpcServer::listen(
            loop, {"127.0.0.1", port}, server_tls, require_client_certificate, limits,
            [this](RpcCall call, std::shared_ptr<Responder> responder) { answer(std::move(call), responder); },
            [this](RpcCall) { ++notices; });
        REQUIRE(made);
        server = std::move(*made);
    }

    void stop_server() {
        if (!server) return;
        std::promise<void> done;
        loop.post([&] {
            server.reset();
            done.set_value();
        });
        done.get_future().wait();
    }

    std::shared_ptr<RpcClient> connect(const TlsConfig& tls, const std::string& name = "127.0.0.1") {
        return RpcClient::make(loop, {"127.0.0.1", server->port()}, tls, name, limits);
    }
    std::shared_ptr<RpcClient> connect() { return connect(client_tls); }

    void answer(RpcCall call, std::shared_ptr<Responder> responder) {
        switch (call.method) {
            case kEcho: {
                const std::lock_guard lock(mutex);
                last_certificate = call.peer_certificate_der;
                return responder->reply(std::move(call.payload));
            }
            case kRefuse:
                return responder->fail({"no_such_offer", "offer 7 is not listed"});
            case kForget:
                return;
            case kNeverAnswer: {
                const std::lock_guard lock(mutex);
                return unanswered.push_back(responder);
            }
            case kCount:
                for (std::uint8_t i = 0; i < call.payload[0]; ++i) accepted_items += responder->item({i}) ? 1 : 0;
                return responder->reply({});
            case kFlood: {
                flood = std::thread([this, responder] {
                    while (!stop_flood && responder->alive()) {
                        if (responder->item(Bytes(1000)))
                            ++accepted_items;
                        else
                            ++refused_items;
                    }
                });
                return;
            }
            case kLarge:
                return responder->reply(Bytes(base::read_u32(call.payload)));
            default:
                return responder->fail({"unknown_method", "no such method"});
        }
    }
};

Result<Bytes> echo(RpcClient& client, std::string_view text) {
    return client.call_and_wait(kEcho, to_bytes(text), 5s);
}

}  // namespace

TEST_CASE("a call made at once is answered with what was sent") {
    RpcFixture net;
    net.start_server();
    const auto client = net.connect();
    CHECK(echo(*client, "hello").value() == to_bytes("hello"));
    CHECK(client->connected());
    CHECK(echo(*client, "").value().empty());
    const std::string large(3'000'000, 'x');
    CHECK(echo(*client, large).value() == to_bytes(large));
}

TEST_CASE("a handler sees the certificate its peer showed") {
    RpcFixture net;
    net.start_server();
    REQUIRE(echo(*net.connect(), "hello"));
    const tests::pki::BioPtr pem(BIO_new_mem_buf(net.client_pem.certificate.data(), -1));
    const tests::pki::CertificatePtr parsed(PEM_read_bio_X509(pem.get(), nullptr, nullptr, nullptr));
    Bytes der(static_cast<std::size_t>(i2d_X509(parsed.get(), nullptr)));
    unsigned char* out = der.data();
    i2d_X509(parsed.get(), &out);
    CHECK(net.last_certificate == der);
}

TEST_CASE("a refusal arrives with its code and sentence") {
    RpcFixture net;
    net.start_server();
    const auto answer = net.connect()->call_and_wait(kRefuse, {}, 5s);
    REQUIRE_FALSE(answer);
    CHECK(answer.error() == Error{"no_such_offer", "offer 7 is not listed"});
}

TEST_CASE("a call that the handler drops fails as internal") {
    RpcFixture net;
    net.start_server();
    CHECK(net.connect()->call_and_wait(kForget, {}, 5s).error().code == "internal");
}

TEST_CASE("a client without a certificate is refused where one is required") {
    RpcFixture net;
    net.start_server();
    const TlsConfig none{{}, {}, net.ca.certificate()};
    const auto client = net.connect(none);
    CHECK(echo(*client, "hello").error().code == "disconnected");
    CHECK_FALSE(client->connected());
    CHECK_FALSE(client->notify(kEcho, {}));
}

TEST_CASE("a client without a certificate is served where none is required, and seen to have shown none") {
    RpcFixture net;
    net.start_server(/*port=*/0, /*require_client_certificate=*/false);
    net.last_certificate = {1};
    REQUIRE(echo(*net.connect(TlsConfig{{}, {}, net.ca.certificate()}), "hello"));
    CHECK(net.last_certificate.empty());
}

TEST_CASE("certificates of strangers, of another name and out of date are refused on both sides") {
    RpcFixture net;
    net.start_server();
    const auto stranger_ca = tests::make_test_ca("stranger");

    SECTION("client from another CA") {
        const auto pem = stranger_ca.issue("node2");
        CHECK_FALSE(echo(*net.connect({pem.certificate, pem.private_key, net.ca.certificate()}), "x"));
    }
    SECTION("expired client") {
        const auto pem = net.ca.issue("node2", {"localhost"}, {"127.0.0.1"}, /*valid_seconds=*/-60);
        CHECK_FALSE(echo(*net.connect({pem.certificate, pem.private_key, net.ca.certificate()}), "x"));
    }
    SECTION("server from another CA") {
        CHECK_FALSE(echo(
            *net.connect({net.client_pem.certificate, net.client_pem.private_key, stranger_ca.certificate()}), "x"));
    }
    SECTION("server of another name") {
        CHECK_FALSE(echo(*net.connect(net.client_tls, "node9.example"), "x"));
        CHECK_FALSE(echo(*net.connect(net.client_tls, "10.0.0.1"), "x"));
        CHECK_FALSE(echo(*net.connect(net.client_tls, ""), "x"));
        CHECK(echo(*net.connect(net.client_tls, "localhost"), "x"));
    }
}

TEST_CASE("a wrong TLS config is an error at once, not a crash") {
    RpcFixture net;
    const auto refused = [&](const TlsConfig& tls) {
        const auto server = RpcServer::listen(net.loop, {}, tls, true, {}, nullptr, nullptr);
        return server ? std::string("accepted") : server.error().code;
    };
    CHECK(refused({"nonsense", "nonsense", "nonsense"}) == "bad_tls");
    CHECK(refused({net.server_pem.certificate, net.client_pem.private_key, net.ca.certificate()}) == "bad_tls");
    CHECK(refused({net.server_pem.certificate, net.server_pem.private_key, ""}) == "bad_tls");
    net.start_server();
    CHECK(echo(*net.connect({"nonsense", "", net.ca.certificate()}), "x").error().code == "disconnected");
}

TEST_CASE("a port that is taken is refused") {
    RpcFixture net;
    net.start_server();
    const auto second =
        RpcServer::listen(net.loop, {"127.0.0.1", net.server->port()}, net.server_tls, true, {}, nullptr, nullptr);
    REQUIRE_FALSE(second);
    CHECK(second.error().code == "listen_failed");
}

TEST_CASE("a call that is not answered in time fails, and the server learns that nobody waits") {
    RpcFixture net;
    net.start_server();
    const auto client = net.connect();
    REQUIRE(echo(*client, "x"));
    CHECK(client->call_and_wait(kNeverAnswer, {}, 20ms).error().code == "timeout");
    CHECK(eventually([&] {
        const std::lock_guard lock(net.mutex);
        return net.unanswered.size() == 1 && !net.unanswered[0]->alive();
    }));
    CHECK(echo(*client, "still up").value() == to_bytes("still up"));
}

TEST_CASE("a frame over the limit is refused before it is sent, and cut off when a hostile peer sends it") {
    RpcFixture net;
    net.limits.max_frame_bytes = 1000;
    net.start_server();
    CHECK(net.connect()->call_and_wait(kEcho, Bytes(1001), 5s).error().code == "too_large");
    CHECK(net.connect()->call_and_wait(kEcho, Bytes(1000), 5s).value().size() == 1000);
    CHECK_FALSE(net.connect()->notify(kEcho, Bytes(1001)));

    net.limits.max_frame_bytes = 100'000;  // this client has other ideas of the limit
    const auto hostile = net.connect();
    CHECK(hostile->call_and_wait(kEcho, Bytes(1001), 5s).error().code == "disconnected");

    Bytes size;
    base::append_u32(size, 1001);
    CHECK(net.connect()->call_and_wait(kLarge, size, 5s).error().code == "too_large");
}

TEST_CASE("notices arrive, in numbers and from many threads") {
    RpcFixture net;
    net.start_server();
    const auto client = net.connect();
    REQUIRE(echo(*client, "x"));
    std::atomic<int> taken{0};
    std::vector<std::thread> senders;
    for (int t = 0; t < 4; ++t)
        senders.emplace_back([&] {
            for (int i = 0; i < 1000; ++i) taken += client->notify(1, Bytes(100)) ? 1 : 0;
        });
    for (auto& sender : senders) sender.join();
    CHECK(taken == 4000);
    CHECK(eventually([&] { return net.notices == 4000; }));
}

TEST_CASE("a stream delivers its items in order and then ends") {
    RpcFixture net;
    net.start_server();
    const auto client = net.connect();
    std::vector<std::uint8_t> items;
    std::promise<Result<Bytes>> end;
    client->stream(
        kCount, {100}, [&](Bytes item) { items.push_back(item.at(0)); },
        [&](Result<Bytes> result) { end.set_value(std::move(result)); });
    CHECK(end.get_future().get().has_value());
    CHECK(net.accepted_items == 100);
    REQUIRE(items.size() == 100);
    for (std::uint8_t i = 0; i < 100; ++i) CHECK(items[i] == i);
}

TEST_CASE("a stream faster than its reader is pushed back, and ends when it is cancelled") {
    RpcFixture net;
    net.limits.max_frame_bytes = 4000;
    net.limits.max_queued_bytes = 10'000;
    net.start_server();
    const auto client = net.connect();
    std::atomic<int> received{0};
    const auto id = client->stream(
        kFlood, {}, [&](Bytes) { ++received; }, [](Result<Bytes>) { FAIL_CHECK("cancelled streams do not end"); });
    CHECK(eventually([&] { return net.refused_items > 100 && received > 100; }));
    client->cancel(id);
    net.flood.join();  // alive() turned false
    CHECK(received <= net.accepted_items);
    CHECK(echo(*client, "still up"));
}

TEST_CASE("an item sent to a plain call is refused at the sender") {
    RpcFixture net;
    net.start_server();
    const auto client = net.connect();
    REQUIRE(echo(*client, "x"));
    client->call(kNeverAnswer, {}, 5s, [](Result<Bytes>) {});
    REQUIRE(eventually([&] {
        const std::lock_guard lock(net.mutex);
        return net.unanswered.size() == 1;
    }));
    CHECK_FALSE(net.unanswered[0]->item({1}));
}

TEST_CASE("calls over the limit of one connection are busy") {
    RpcFixture net;
    net.limits.max_pending_calls = 3;
    net.start_server();
    const auto client = net.connect();
    REQUIRE(echo(*client, "x"));
    for (int i = 0; i < 3; ++i) client->call(kNeverAnswer, {}, 5s, [](Result<Bytes>) {});
    CHECK(echo(*client, "x").error().code == "busy");
    CHECK(echo(*net.connect(), "another connection has its own limit"));

    net.limits.max_pending_calls = 100;  // a client with other ideas hears it from the server
    const auto hostile = net.connect();
    for (int i = 0; i < 3; ++i) hostile->call(kNeverAnswer, {}, 5s, [](Result<Bytes>) {});
    CHECK(echo(*hostile, "x").error().code == "busy");
}

TEST_CASE("connections over the limit are turned away") {
    RpcFixture net;
    net.limits.max_connections = 2;
    net.start_server();
    auto first = net.connect();
    const auto second = net.connect();
    REQUIRE(echo(*first, "x"));
    REQUIRE(echo(*second, "x"));
    const auto third = net.connect();
    CHECK(echo(*third, "x").error().code == "disconnected");
    first.reset();
    CHECK(eventually([&] { return echo(*third, "x").has_value(); }));
}

TEST_CASE("losing the server fails what is under way, and the link comes back by itself with the server") {
    RpcFixture net;
    net.start_server();
    const std::uint16_t port = net.server->port();
    const auto client = net.connect();
    REQUIRE(echo(*client, "before"));

    std::promise<Result<Bytes>> under_way;
    client->call(kNeverAnswer, {}, 60s, [&](Result<Bytes> result) { under_way.set_value(std::move(result)); });
    REQUIRE(eventually([&] {
        const std::lock_guard lock(net.mutex);
        return net.unanswered.size() == 1;
    }));
    net.stop_server();
    CHECK(under_way.get_future().get().error().code == "disconnected");
    CHECK(eventually([&] { return !client->connected(); }));
    CHECK_FALSE(net.unanswered[0]->alive());
    net.unanswered[0]->reply({});  // too late, and harmless

    net.start_server(port);
    CHECK(eventually([&] { return client->connected(); }));
    CHECK(echo(*client, "after").value() == to_bytes("after"));
}

TEST_CASE("a peer that never finishes its handshake is dropped") {
    RpcFixture net;
    net.limits.handshake_timeout = 50ms;
    net.limits.max_connections = 1;
    net.start_server();
    // A listener that accepts and says nothing: the client gives up on it within its own handshake timeout.
    const int silent = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(net.server->port());
    REQUIRE(::connect(silent, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    const auto client = net.connect();
    CHECK(eventually([&] { return echo(*client, "x").has_value(); }));
    ::close(silent);
}

TEST_CASE("a client that goes while a call is under way takes its handlers with it") {
    RpcFixture net;
    net.start_server();
    auto client = net.connect();
    REQUIRE(echo(*client, "x"));
    auto witness = std::make_shared<int>(0);
    client->call(kNeverAnswer, {}, 60s, [witness](Result<Bytes>) { FAIL_CHECK("handler ran after its client"); });
    client.reset();
    CHECK(eventually([&] { return witness.use_count() == 1; }));
}
