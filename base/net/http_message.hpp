#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/net/http.hpp"
#include "base/result.hpp"

/// HTTP/1.1 messages as bytes, and back. No I/O. For base/net's own sources; Beast's parser is behind it.
namespace fairstream::base::net {

/// Cuts what a client sends into requests, one after the other.
class HttpRequestReader {
public:
    HttpRequestReader(std::size_t max_header_bytes, std::size_t max_body_bytes);
    ~HttpRequestReader();

    /// True once a whole request is there; then take() it before feeding more. Errors (nothing after them can be
    /// read): bad_request, header_too_large, too_large.
    Result<bool> feed(ByteView received);
    /// True if any byte of the next request has arrived.
    bool started() const;
    /// True once per request: the client waits for "100 Continue" before it sends the body.
    bool take_expectation();
    bool keep_alive() const;
    /// The request; what came after it is kept, so feed({}) may find another. Error: bad_request.
    Result<HttpRequest> take();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// Reads one response.
class HttpResponseReader {
public:
    HttpResponseReader(std::size_t max_header_bytes, std::size_t max_body_bytes, bool to_head_request);
    ~HttpResponseReader();

    /// True once the whole response is there. Errors: bad_response, too_large.
    Result<bool> feed(ByteView received);
    /// The server closed cleanly. Error: bad_response if the response has not ended.
    Status finish();
    bool started() const;  // any byte has arrived
    bool keep_alive() const;
    HttpResponse take();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// `host` as in the Host header, `target` as in the request line. Error: bad_header, if a method, name or value would
/// not be one on the wire.
Result<std::string> write_request(std::string_view method, std::string_view host, std::string_view target,
                                  const std::map<std::string, std::string>& headers, std::string_view body);
/// Control characters in values become spaces; names are ours and must be good. Of a streamed response: the head.
std::string write_response(const HttpResponse& response, bool keep_alive, bool to_head_request);

/// One chunk of a chunked body (RFC 9112 7.1); that of no bytes ends it.
std::string write_chunk(std::string_view bytes);

/// %41 is A; with `plus_is_space`, + is a space. Error: bad_request.
Result<std::string> percent_decode(std::string_view text, bool plus_is_space);

}  // namespace fairstream::base::net
