#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <optional>

#include "base/net/http_message.hpp"
#include "base/net/tls_context.hpp"

namespace fairstream::base::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Deadline = std::chrono::steady_clock::time_point;

namespace {

constexpr std::size_t kMaxHeaderBytes = 64u << 10;
constexpr std::size_t kMaxUrlBytes = 8192;

struct Url {
    std::string host;  // a name or address, without brackets
    std::string port;
    std::string authority;  // as in the Host header
    std::string target;     // path and query, at least "/"
};

tl::unexpected<Error> bad_url(const std::string& url, std::string_view why) {
    return fail("bad_url", "'" + url.substr(0, 128) + "': " + std::string(why));
}

bool is_port(std::string_view text) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() && value >= 1 && value <= 65535;
}

Result<Url> parse_url(const std::string& text) {
    constexpr std::string_view kScheme = "https://";
    if (text.size() > kMaxUrlBytes) return bad_url(text, "too long");
    if (!text.starts_with(kScheme)) return bad_url(text, "must begin with https://");
    for (const char c : text)
        if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f)
            return bad_url(text, "has a space or control character");
    std::string_view rest = std::string_view(text).substr(kScheme.size());
    rest = rest.substr(0, rest.find('#'));
    const auto slash = std::min(rest.find_first_of("/?"), rest.size());
    Url url;
    url.authority = rest.substr(0, slash);
    url.target = rest.substr(slash);
    if (!url.target.starts_with('/')) url.target.insert(0, "/");

    std::string_view authority = url.authority;
    if (authority.find('@') != std::string_view::npos) return bad_url(text, "must not carry a user name");
    std::string_view port = "443";
    const auto colon = authority.rfind(':');
    const auto bracket = authority.rfind(']');
    if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
        port = authority.substr(colon + 1);
        authority = authority.substr(0, colon);
    }
    if (authority.starts_with('[') && authority.ends_with(']')) authority = authority.substr(1, authority.size() - 2);
    if (authority.empty() || authority.find_first_of("[]") != std::string_view::npos)
        return bad_url(text, "has no host");
    if (!is_port(port)) return bad_url(text, "the port must be between 1 and 65535");
    url.host = authority;
    url.port = port;
    return url;
}

}  // namespace

struct HttpClient::Impl {
    using Stream = asio::ssl::stream<tcp::socket>;

    explicit Impl(std::string trusted_roots)
        : context(make_tls_context({{}, {}, std::move(trusted_roots)}, TlsRole::kClient, TlsVersions::k12AndUp,
                                   PeerCertificate::kRequired)) {}

    /// Runs one asynchronous operation to its end, or cuts it off at the deadline with `timed_out`.
    template <typename Start>
    error_code run(Deadline deadline, Start start) {
        std::optional<error_code> result;
        start([&result](const error_code& error, const auto&...) { result = error; });
        io.restart();
        io.run_until(deadline);
        if (result) return *result;
        error_code ignored;
        resolver.cancel();
        if (stream) stream->next_layer().close(ignored);
        io.restart();
        io.run();  // the handler refers to this call: it must have run
        stream.reset();
        return asio::error::timed_out;
    }

    static tl::unexpected<Error> failed(const error_code& error, std::string_view code, const Url& url,
                                        std::string_view doing) {
        if (error == asio::error::timed_out)
            return fail("timeout", std::string(doing) + " " + url.authority + " took too long");
        return fail(code, std::string(doing) + " " + url.authority + ": " + error.message());
    }

    Status connect(const Url& url, Deadline deadline) {
        stream.reset();
        if (!context) return fail("tls_failed", context.error().message);
        tcp::resolver::results_type endpoints;
        const auto resolve = [&](auto done) {
            resolver.async_resolve(url.host, url.port,
                                   [&, done](const error_code& error, tcp::resolver::results_type found) {
                                       endpoints = std::move(found);
                                       done(error);
                                   });
        };
        if (const auto error = run(deadline, resolve)) return failed(error, "connect_failed", url, "finding");
        stream = std::make_unique<Stream>(io, *context);
        const auto open = [&](auto done) { asio::async_connect(stream->next_layer(), endpoints, done); };
        if (const auto error = run(deadline, open)) return drop(failed(error, "connect_failed", url, "connecting to"));
        error_code ignored;
        stream->next_layer().set_option(tcp::no_delay(true), ignored);
        FS_TRY(expect_server_name(stream->native_handle(), url.host));
        const auto handshake = [&](auto done) { stream->async_handshake(asio::ssl::stream_base::client, done); };
        if (const auto error = run(deadline, handshake))
            return drop(failed(error, "tls_failed", url, "TLS handshake with"));
        connected_to = url.host + "|" + url.port;
        return {};
    }

    tl::unexpected<Error> drop(tl::unexpected<Error> why) {
        stream.reset();
        return why;
    }

    /// One request and its answer on the open connection. `nothing_received` tells whether a retry is safe.
    Result<HttpResponse> exchange(const Url& url, const std::string& request, HttpResponseReader& reader,
                                  Deadline deadline) {
        const auto write = [&](auto done) { asio::async_write(*stream, asio::buffer(request), done); };
        const auto wrote = run(deadline, write);
        // A server that refuses a body may answer and close before it has read all of it: listen even so.
        if (wrote == asio::error::timed_out) return failed(wrote, "timeout", url, "sending to");
        while (true) {
            std::size_t size = 0;
            const auto read = [&](auto done) {
                stream->async_read_some(asio::buffer(chunk), [&, done](const error_code& error, std::size_t got) {
                    size = got;
                    done(error);
                });
            };
            const auto error = run(deadline, read);
            if (error == asio::error::eof && reader.started()) {
                FS_TRY(reader.finish());
                break;
            }
            if (error) return drop(failed(error, "disconnected", url, "waiting for an answer from"));
            FS_ASSIGN(const bool complete, reader.feed({chunk.data(), size}));
            if (complete) break;
        }
        const bool keep = reader.keep_alive();
        auto response = reader.take();
        if (!keep) stream.reset();
        return response;
    }

    Result<asio::ssl::context> context;
    asio::io_context io{1};
    tcp::resolver resolver{io};
    std::unique_ptr<Stream> stream;
    std::string connected_to;
    std::array<std::uint8_t, 16u << 10> chunk{};
};

HttpClient::HttpClient(std::string trusted_roots) : impl_(std::make_unique<Impl>(std::move(trusted_roots))) {}
HttpClient::~HttpClient() = default;

Result<HttpResponse> HttpClient::request(const std::string& method, const std::string& url_text,
                                         const std::map<std::string, std::string>& headers, std::string body,
                                         std::chrono::milliseconds timeout, std::size_t max_body_bytes) {
    const Deadline deadline = std::chrono::steady_clock::now() + timeout;
    FS_ASSIGN(const Url url, parse_url(url_text));
    FS_ASSIGN(const std::string text, write_request(method, url.authority, url.target, headers, body));
    while (true) {
        const bool kept = impl_->stream != nullptr && impl_->connected_to == url.host + "|" + url.port;
        if (!kept) FS_TRY(impl_->connect(url, deadline));
        HttpResponseReader reader(kMaxHeaderBytes, max_body_bytes, /*to_head_request=*/method == "HEAD");
        auto response = impl_->exchange(url, text, reader, deadline);
        if (response) return response;
        impl_->stream.reset();
        // A kept connection may have been closed by the server meanwhile: that is no answer to this request.
        if (!kept || reader.started() || response.error().code != "disconnected") return response;
    }
}

}  // namespace fairstream::base::net
