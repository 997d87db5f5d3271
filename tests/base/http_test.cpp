#include "base/net/http.hpp"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <future>
#include <set>

#include "base/net/sse.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/test_pki.hpp"

using namespace fairstream;
using namespace fairstream::base::net;
using namespace std::chrono_literals;

namespace {

struct HttpFixture {
    tests::TestCa ca = tests::make_test_ca("org1");
    tests::PemPair pem = ca.issue("dapp");
    HttpLimits limits;
    std::atomic<int> handled{0};
    std::mutex mutex;
    std::set<std::string> peers;
    std::vector<HttpServer::Respond> held;
    std::vector<std::shared_ptr<HttpBodyWriter>> writers;
    Loop loop;
    std::unique_ptr<HttpServer> server;

    HttpFixture() { loop.start(); }
    ~HttpFixture() { stop_server(); }

    void start_server(std::uint16_t port = 0) {
        auto made = HttpServer::listen(loop, {"127.0.0.1", port}, {pem.certificate, pem.private_key, {}}, limits,
                                       [this](HttpRequest request, HttpServer::Respond respond) {
                                           handle(std::move(request), std::move(respond));
                                       });
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

    void handle(HttpRequest request, HttpServer::Respond respond) {
        ++handled;
        const std::lock_guard lock(mutex);
        peers.insert(request.peer);
        if (request.path == "/echo") {
            boost::json::object seen{{"method", request.method}, {"body", request.body}};
            for (const auto& [name, value] : request.query) seen["query " + name] = value;
            for (const auto& [name, value] : request.headers) seen["header " + name] = value;
            respond({200, {{"content-type", "application/json"}}, boost::json::serialize(seen)});
        } else if (request.path == "/a b") {
            respond({204, {}, {}});
        } else if (request.path == "/large") {
            respond({200, {}, std::string(3'000'000, 'x')});
        } else if (request.path == "/split") {
            respond({200, {{"x-reason", "one\r\nset-cookie: two"}}, "ok"});
        } else if (request.path == "/twice") {
            respond({200, {}, "first"});
            respond({200, {}, "second"});
        } else if (request.path == "/later") {
            std::thread([respond] { respond({200, {}, "later"}); }).detach();
        } else if (request.path == "/stream") {
            respond({200, {{"content-type", kSseContentType}}, {}, [this](auto writer) {
                         const std::lock_guard taking(mutex);
                         writers.push_back(std::move(writer));
                     }});
        } else if (request.path == "/hold") {
            held.push_back(respond);
        } else if (request.path != "/drop") {
            respond(problem(404, {"no_such_path", "there is nothing at " + request.path}));
        }
    }

    std::string url(const std::string& target) const {
        return "https://127.0.0.1:" + std::to_string(server->port()) + target;
    }
    std::shared_ptr<HttpBodyWriter> writer(std::size_t index) {
        REQUIRE(tests::eventually([&] {
            const std::lock_guard lock(mutex);
            return writers.size() > index;
        }));
        const std::lock_guard lock(mutex);
        return writers[index];
    }
    HttpClient client() const { return HttpClient(ca.certificate()); }
};

Result<HttpResponse> get(HttpClient& client, const std::string& url) {
    return client.request("GET", url, {}, {}, 5s);
}

std::string error_of(const Result<HttpResponse>& response) {
    return response ? "status " + std::to_string(response->status) : response.error().code;
}

/// Speaks TLS by hand: says `text`, and reads only when asked to.
class Quiet {
public:
    Quiet(std::uint16_t port, const std::string& text) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(port);
        REQUIRE(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
        context_ = SSL_CTX_new(TLS_client_method());
        ssl_ = SSL_new(context_);
        SSL_set_fd(ssl_, fd_);
        REQUIRE(SSL_connect(ssl_) == 1);
        SSL_write(ssl_, text.data(), static_cast<int>(text.size()));
    }
    ~Quiet() {
        SSL_free(ssl_);
        SSL_CTX_free(context_);
        ::close(fd_);
    }
    Quiet(const Quiet&) = delete;
    Quiet& operator=(const Quiet&) = delete;

    /// All that comes back until the server ends the connection.
    std::string read_all() {
        std::string answer;
        char chunk[4096];
        for (int got = 0; (got = SSL_read(ssl_, chunk, sizeof chunk)) > 0;)
            answer.append(chunk, static_cast<std::size_t>(got));
        SSL_shutdown(ssl_);
        return answer;
    }

private:
    int fd_;
    SSL_CTX* context_ = nullptr;
    SSL* ssl_ = nullptr;
};

std::string converse(std::uint16_t port, const std::string& text) {
    return Quiet(port, text).read_all();
}

}  // namespace

TEST_CASE("a request reaches the handler as it was made, and the answer comes back") {
    HttpFixture net;
    net.start_server();
    auto client = net.client();
    const auto response =
        client.request("POST", net.url("/echo?a=1%202&b=x+y&a=2&flag"), {{"X-Token", "t"}}, "body", 5s);
    REQUIRE(response);
    CHECK(response->status == 200);
    CHECK(response->headers.at("content-type") == "application/json");
    const auto seen = boost::json::parse(response->body).as_object();
    CHECK(seen.at("method") == "POST");
    CHECK(seen.at("body") == "body");
    CHECK(seen.at("query a") == "1 2");
    CHECK(seen.at("query b") == "x y");
    CHECK(seen.at("query flag") == "");
    CHECK(seen.at("header x-token") == "t");
    CHECK(get(client, net.url("/a%20b"))->status == 204);
    CHECK(get(client, net.url("/large"))->body == std::string(3'000'000, 'x'));
    CHECK(client.request("HEAD", net.url("/large"), {}, {}, 5s)->body.empty());
    const auto later = get(client, net.url("/later"));
    CHECK(later->body == "later");
    CHECK(net.peers.size() == 1);  // all on one connection
}

TEST_CASE("a problem document carries our code") {
    HttpFixture net;
    net.start_server();
    auto client = net.client();
    const auto response = get(client, net.url("/nowhere"));
    REQUIRE(response);
    CHECK(response->status == 404);
    CHECK(response->headers.at("content-type") == "application/problem+json");
    const auto document = boost::json::parse(response->body).as_object();
    CHECK(document.at("type") == "about:blank");
    CHECK(document.at("status") == 404);
    CHECK(document.at("code") == "no_such_path");
    CHECK(document.at("detail") == "there is nothing at /nowhere");
    CHECK(document.at("retryable") == false);
}

TEST_CASE("a handler that answers twice is heard once, one that never answers is an error") {
    HttpFixture net;
    net.start_server();
    auto client = net.client();
    CHECK(get(client, net.url("/twice"))->body == "first");
    CHECK(get(client, net.url("/twice"))->body == "first");
    CHECK(get(client, net.url("/drop"))->status == 500);
}

TEST_CASE("a header value cannot break out of its line") {
    HttpFixture net;
    net.start_server();
    auto client = net.client();
    const auto response = get(client, net.url("/split"));
    REQUIRE(response);
    CHECK_FALSE(response->headers.contains("set-cookie"));
    CHECK(error_of(client.request("GET", net.url("/echo"), {{"x", "a\r\nb: c"}}, {}, 5s)) == "bad_header");
    CHECK(error_of(client.request("GET", net.url("/echo"), {{"a b", "c"}}, {}, 5s)) == "bad_header");
    CHECK(error_of(client.request("GET /x", net.url("/echo"), {}, {}, 5s)) == "bad_header");
}

TEST_CASE("a body over the limit is refused, whichever way it is announced") {
    HttpFixture net;
    net.limits.max_body_bytes = 1000;
    net.start_server();
    auto client = net.client();
    CHECK(client.request("POST", net.url("/echo"), {}, std::string(1000, 'x'), 5s)->status == 200);
    CHECK(client.request("POST", net.url("/echo"), {}, std::string(1001, 'x'), 5s)->status == 413);
    CHECK(client.request("POST", net.url("/echo"), {}, std::string(1'000'000, 'x'), 5s)->status == 413);
    const auto chunked =
        converse(net.server->port(), "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n7d0\r\n" +
                                         std::string(2000, 'x') + "\r\n0\r\n\r\n");
    CHECK(chunked.starts_with("HTTP/1.1 413 "));
    CHECK(net.handled == 1);
}

TEST_CASE("a streamed body arrives as it is written, and ends when it is closed or its writer is gone") {
    HttpFixture net;
    net.start_server();
    const auto url = net.url("/stream");
    const auto roots = net.ca.certificate();
    const auto body = [&] {
        return std::async(std::launch::async, [&] { return HttpClient(roots).request("GET", url, {}, {}, 30s); });
    };
    auto first = body();
    const auto writer = net.writer(0);
    CHECK(writer->write(sse_event("1.0.0", "offer", "{\"a\":1}\n2")));
    CHECK(writer->write(""));
    CHECK(tests::eventually([&] { return writer->waiting_bytes() == 0; }));
    CHECK(writer->write(sse_comment() + sse_event("2\n", "", "x")));
    writer->close();
    CHECK_FALSE(writer->write("late"));
    const auto response = first.get();
    REQUIRE(response);
    CHECK(response->headers.at("content-type") == "text/event-stream");
    CHECK(response->body == "id: 1.0.0\nevent: offer\ndata: {\"a\":1}\ndata: 2\n\n:\n\nid: 2\ndata: x\n\n");

    auto second = body();
    net.writer(1)->write("half");
    {
        const std::lock_guard lock(net.mutex);
        net.writers.clear();
    }
    CHECK(second.get()->body == "half");
    auto client = net.client();
    CHECK(client.request("HEAD", url, {}, {}, 5s)->body.empty());
    CHECK(net.writers.empty());
}

TEST_CASE("the writer of a streamed body hears that its client is gone, and what a client does not take waits") {
    HttpFixture net;
    net.start_server();
    auto impatient = net.client();
    CHECK(error_of(impatient.request("GET", net.url("/stream"), {}, {}, 500ms)) == "timeout");
    CHECK(tests::eventually([&] { return !net.writer(0)->open(); }));
    CHECK_FALSE(net.writer(0)->write("x"));

    Quiet quiet(net.server->port(), "GET /stream HTTP/1.1\r\nhost: x\r\n\r\n");
    const auto writer = net.writer(1);
    CHECK(tests::eventually(
        [&] { return writer->write(std::string(1u << 20, 'x')) && writer->waiting_bytes() > 8u << 20; }));
    net.stop_server();
    CHECK_FALSE(writer->open());
    CHECK_FALSE(writer->write("x"));
}

TEST_CASE("a client that takes nothing is let go after the write timeout") {
    HttpFixture net;
    net.limits.write_timeout = 1s;
    net.start_server();
    Quiet quiet(net.server->port(), "GET /stream HTTP/1.1\r\nhost: x\r\n\r\n");
    const auto writer = net.writer(0);
    writer->write(std::string(32u << 20, 'x'));
    CHECK(tests::eventually([&] { return !writer->open(); }));
}

TEST_CASE("what is not HTTP is answered 400 and cut off, header floods 431") {
    HttpFixture net;
    net.start_server();
    const auto ask = [&](const std::string& text) { return converse(net.server->port(), text).substr(0, 13); };
    CHECK(ask("nonsense\r\n\r\n") == "HTTP/1.1 400 ");
    CHECK(ask("GET / HTTP/9.9\r\n\r\n") == "HTTP/1.1 400 ");
    CHECK(ask("GET /%zz HTTP/1.1\r\nhost: x\r\n\r\n") == "HTTP/1.1 400 ");
    CHECK(ask("GET /%00 HTTP/1.1\r\nhost: x\r\n\r\n") == "HTTP/1.1 400 ");
    CHECK(ask("GET /% HTTP/1.1\r\nhost: x\r\n\r\n") == "HTTP/1.1 400 ");
    CHECK(ask("GET http://elsewhere/ HTTP/1.1\r\nhost: x\r\n\r\n") == "HTTP/1.1 400 ");
    CHECK(ask("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n") == "HTTP/1.1 400 ");
    CHECK(ask("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n") ==
          "HTTP/1.1 400 ");
    CHECK(ask("GET / HTTP/1.1\r\nhost: x\r\nlong: " + std::string(20'000, 'x') + "\r\n\r\n") == "HTTP/1.1 431 ");
    CHECK(net.handled == 0);
}

TEST_CASE("requests sent ahead are answered in order, and 100-continue is honoured") {
    HttpFixture net;
    net.start_server();
    const auto answers = converse(net.server->port(),
                                  "GET /twice HTTP/1.1\r\nhost: x\r\n\r\n"
                                  "POST /echo HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"
                                  "hi"
                                  "GET /later HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    const auto first = answers.find("first");
    const auto second = answers.find("\"body\":\"hi\"");
    const auto third = answers.find("later");
    CHECK(first != std::string::npos);
    CHECK(first < second);
    CHECK(second < third);
    CHECK(third != std::string::npos);
}

TEST_CASE("a request that does not arrive in time is answered 408, and a client that stays quiet is let go") {
    HttpFixture net;
    net.limits.read_timeout = 1s;
    net.start_server();
    CHECK(converse(net.server->port(), "GET /echo HTTP/1.1\r\nho").starts_with("HTTP/1.1 408 "));
    CHECK(converse(net.server->port(), "").empty());
}

TEST_CASE("over the connection limit clients are told 503") {
    HttpFixture net;
    net.limits.max_connections = 1;
    net.start_server();
    auto first = std::make_unique<HttpClient>(net.ca.certificate());
    REQUIRE(get(*first, net.url("/echo"))->status == 200);
    auto second = net.client();
    const auto refused = get(second, net.url("/echo"));
    REQUIRE(refused);
    CHECK(refused->status == 503);
    CHECK(boost::json::parse(refused->body).at("retryable") == true);
    first.reset();
    CHECK(tests::eventually([&] { return error_of(get(second, net.url("/echo"))) == "status 200"; }));
}

TEST_CASE("a kept connection that died meanwhile is opened again without the caller noticing") {
    HttpFixture net;
    net.start_server();
    const auto port = net.server->port();
    auto client = net.client();
    REQUIRE(get(client, net.url("/echo"))->status == 200);
    net.stop_server();
    net.start_server(port);
    CHECK(error_of(get(client, net.url("/echo"))) == "status 200");
    CHECK(net.handled == 2);
    const auto url = net.url("/echo");
    net.stop_server();
    CHECK(error_of(get(client, url)) == "connect_failed");
}

TEST_CASE("the client's timeout bounds the whole request") {
    HttpFixture net;
    net.start_server();
    auto client = net.client();
    CHECK(error_of(client.request("GET", net.url("/hold"), {}, {}, 50ms)) == "timeout");
    CHECK(error_of(get(client, net.url("/echo"))) == "status 200");  // on a new connection
    net.held.clear();
}

TEST_CASE("the client accepts only a server that it trusts, under the name it asked for") {
    HttpFixture net;
    net.start_server();
    HttpClient stranger(tests::make_test_ca("stranger").certificate());
    CHECK(error_of(get(stranger, net.url("/echo"))) == "tls_failed");
    HttpClient nobody("");
    CHECK(error_of(get(nobody, net.url("/echo"))) == "tls_failed");
    net.stop_server();
    net.pem = net.ca.issue("dapp", {"dapp.example"}, {});
    net.start_server();
    auto client = net.client();
    CHECK(error_of(get(client, net.url("/echo"))) == "tls_failed");
}

TEST_CASE("an answer larger than asked for is cut off") {
    HttpFixture net;
    net.start_server();
    auto client = net.client();
    CHECK(error_of(client.request("GET", net.url("/large"), {}, {}, 5s, /*max_body_bytes=*/1000)) == "too_large");
    CHECK(error_of(get(client, net.url("/echo"))) == "status 200");
}

TEST_CASE("what is not an https URL is refused before anything is sent") {
    HttpFixture net;
    auto client = net.client();
    for (const auto* bad : {"", "http://x/", "https://", "https:///x", "https://a b/", "https://x:0/",
                            "https://x:99999/", "https://u:p@x/", "https://x/\r\n", "https://x:/"})
        CHECK(error_of(get(client, bad)) == "bad_url");
}
