#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/net/loop.hpp"
#include "base/net/tls.hpp"
#include "base/result.hpp"

namespace fairstream::base::net {

struct HttpRequest {
    std::string method;                          // upper case
    std::string path;                            // decoded, without the query
    std::map<std::string, std::string> query;    // decoded
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;
    std::string peer;  // address:port
};

/// The body of an answer that goes on, such as server-sent events. From any thread. The body ends when `close` is
/// called or the last copy of its pointer goes; the connection with it.
class HttpBodyWriter {
public:
    virtual ~HttpBodyWriter() = default;
    /// Takes what comes next. False, and nothing is taken: the client is gone, or the body was closed.
    virtual bool write(std::string bytes) = 0;
    /// Ends the body after what waits.
    virtual void close() = 0;
    /// Taken, but not yet by the client's connection. Who writes faster than that keeps back.
    virtual std::size_t waiting_bytes() const = 0;
    virtual bool open() const = 0;
};

struct HttpResponse {
    int status = 200;
    std::map<std::string, std::string> headers;
    std::string body;
    /// Instead of `body`: called once, on the loop thread, when the head is sent (never for HEAD).
    std::function<void(std::shared_ptr<HttpBodyWriter>)> stream{};
};

struct HttpLimits {
    std::size_t max_body_bytes = 8u << 20;
    std::size_t max_header_bytes = 16u << 10;
    std::size_t max_connections = 1024;
    std::chrono::seconds read_timeout{30};
    std::chrono::seconds write_timeout{30};
};

/// An HTTPS/1.1 server with keep-alive. The handler runs on the loop thread and calls `respond` once, then or later,
/// from any thread; if it never will (every copy of `respond` is gone), the client hears 500. What the server answers
/// itself, as problem documents: 503 over the connection limit, 413 and 431 for bodies and headers over theirs, 408 for
/// requests that do not arrive in `read_timeout`, 400 for what is not HTTP. Paths and methods (404, 405) are the
/// handler's.
class HttpServer {
public:
    using Respond = std::function<void(HttpResponse)>;
    using Handler = std::function<void(HttpRequest, Respond)>;

    static Result<std::unique_ptr<HttpServer>> listen(Loop& loop, const Address& address, const TlsConfig& tls,
                                                      HttpLimits limits, Handler handler);
    /// On the loop thread (not inside the handler), or after the loop has stopped. No handler runs after it.
    virtual ~HttpServer() = default;
    virtual std::uint16_t port() const = 0;
    /// Another certificate and key, for connections accepted from now on. On the loop thread. Error: bad_tls, and all
    /// stays as it was.
    virtual Status use(const TlsConfig& tls) = 0;
};

/// An RFC 9457 problem document as a response: type "about:blank", with our stable `code` and `retryable`.
HttpResponse problem(int status, const Error& error, bool retryable = false);
/// The other way: the error in a problem document, cut to 1 KiB; code bad_answer and `otherwise` if it is none.
Error problem_error(std::string_view body, std::string otherwise);

/// Blocking client. The server's certificate must chain to the given roots and carry the URL's host. Keeps one
/// connection open for requests to the same host; not thread-safe.
class HttpClient {
public:
    explicit HttpClient(std::string trusted_roots);
    ~HttpClient();
    /// `url` like https://127.0.0.1:8443/v1/x. Errors: bad_url, bad_header, connect_failed, tls_failed, timeout,
    /// disconnected, bad_response, too_large. `timeout` bounds the whole of it. A request is sent a second time only if
    /// a kept connection turns out to be closed before any byte of an answer.
    Result<HttpResponse> request(const std::string& method, const std::string& url,
                                 const std::map<std::string, std::string>& headers, std::string body,
                                 std::chrono::milliseconds timeout, std::size_t max_body_bytes = 64u << 20);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace fairstream::base::net
