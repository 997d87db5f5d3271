#include "base/net/http_message.hpp"

#include <algorithm>
#include <array>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>
#include <charconv>
#include <optional>

#include "base/assert.hpp"

namespace fairstream::base::net {

namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

bool is_control(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

/// RFC 9110, section 5.6.2.
bool is_token(std::string_view text) {
    constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
    return !text.empty() && text.size() <= 256 && std::all_of(text.begin(), text.end(), [&](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               kOthers.find(c) != std::string_view::npos;
    });
}

bool has_control(std::string_view text) {
    return std::any_of(text.begin(), text.end(), is_control);
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/// Names in lower case; a name that comes twice has its values joined, as RFC 9110 5.3 says.
std::map<std::string, std::string> headers_of(const http::fields& fields) {
    std::map<std::string, std::string> headers;
    for (const auto& field : fields) {
        const std::string_view value(field.value().data(), field.value().size());
        const auto [place, added] =
            headers.emplace(lower({field.name_string().data(), field.name_string().size()}), value);
        if (!added) place->second.append(", ").append(value);
    }
    return headers;
}

/// The first value of a name counts.
Result<std::map<std::string, std::string>> query_of(std::string_view text) {
    std::map<std::string, std::string> query;
    while (!text.empty()) {
        const auto end = std::min(text.find('&'), text.size());
        const std::string_view pair = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (pair.empty()) continue;
        const auto equals = std::min(pair.find('='), pair.size());
        FS_ASSIGN(auto name, percent_decode(pair.substr(0, equals), /*plus_is_space=*/true));
        FS_ASSIGN(auto value, percent_decode(pair.substr(std::min(equals + 1, pair.size())), /*plus_is_space=*/true));
        query.emplace(std::move(name), std::move(value));
    }
    return query;
}

/// Feeds a Beast parser from bytes that come in pieces.
template <typename Parser>
struct Feeder {
    std::string buffer;
    std::optional<Parser> parser;

    /// True when the message is complete; what follows it stays in `buffer`.
    Result<bool> feed(ByteView received, std::string_view malformed) {
        buffer.append(as_text(received));
        std::size_t consumed = 0;
        error_code error;
        while (!error && !parser->is_done() && consumed < buffer.size())
            consumed += parser->put(boost::asio::buffer(buffer.data() + consumed, buffer.size() - consumed), error);
        buffer.erase(0, consumed);
        if (!error || error == http::error::need_more) return parser->is_done();
        if (error == http::error::body_limit) return fail("too_large", "the body is larger than allowed");
        if (error == http::error::header_limit) return fail("header_too_large", "the header is larger than allowed");
        return fail(malformed, "not HTTP/1.1: " + error.message());
    }
    bool started() const { return !buffer.empty() || parser->got_some(); }
};

}  // namespace

Result<std::string> percent_decode(std::string_view text, bool plus_is_space) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '+' && plus_is_space) {
            c = ' ';
        } else if (c == '%') {
            const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
            const int low = high >= 0 ? hex_value(text[i + 2]) : -1;
            if (low < 0) return fail("bad_request", "a % is not followed by two hex digits in the request target");
            c = static_cast<char>(high << 4 | low);
            i += 2;
        }
        if (c == '\0') return fail("bad_request", "a NUL in the request target");
        out += c;
    }
    return out;
}

// -- requests

struct HttpRequestReader::Impl {
    Impl(std::size_t max_header, std::size_t max_body) : max_header_bytes(max_header), max_body_bytes(max_body) {
        next();
    }

    const std::size_t max_header_bytes;
    const std::size_t max_body_bytes;
    Feeder<http::request_parser<http::string_body>> feeder;
    bool expectation_taken = false;

    void next() {
        feeder.parser.emplace();
        feeder.parser->eager(true);
        feeder.parser->header_limit(static_cast<std::uint32_t>(max_header_bytes));
        feeder.parser->body_limit(max_body_bytes);
        expectation_taken = false;
    }
};

HttpRequestReader::HttpRequestReader(std::size_t max_header_bytes, std::size_t max_body_bytes)
    : impl_(std::make_unique<Impl>(max_header_bytes, max_body_bytes)) {}
HttpRequestReader::~HttpRequestReader() = default;

Result<bool> HttpRequestReader::feed(ByteView received) {
    return impl_->feeder.feed(received, "bad_request");
}

bool HttpRequestReader::started() const {
    return impl_->feeder.started();
}

bool HttpRequestReader::take_expectation() {
    auto& parser = *impl_->feeder.parser;
    if (impl_->expectation_taken || !parser.is_header_done() || parser.is_done()) return false;
    impl_->expectation_taken = true;
    const auto value = parser.get()[http::field::expect];
    return lower({value.data(), value.size()}) == "100-continue";
}

bool HttpRequestReader::keep_alive() const {
    return impl_->feeder.parser->keep_alive();
}

Result<HttpRequest> HttpRequestReader::take() {
    FS_ASSERT(impl_->feeder.parser->is_done());
    auto message = impl_->feeder.parser->release();
    impl_->next();
    const std::string target(message.target());
    if (!target.starts_with('/')) return fail("bad_request", "the request target must begin with /");
    const auto question = std::min(target.find('?'), target.size());
    HttpRequest request;
    request.method = std::string(message.method_string());
    FS_ASSIGN(request.path, percent_decode(std::string_view(target).substr(0, question), /*plus_is_space=*/false));
    FS_ASSIGN(request.query, query_of(std::string_view(target).substr(std::min(question + 1, target.size()))));
    request.headers = headers_of(message);
    request.body = std::move(message.body());
    return request;
}

// -- responses

struct HttpResponseReader::Impl {
    Feeder<http::response_parser<http::string_body>> feeder;
    bool any_byte = false;
};

HttpResponseReader::HttpResponseReader(std::size_t max_header_bytes, std::size_t max_body_bytes, bool to_head_request)
    : impl_(std::make_unique<Impl>()) {
    auto& parser = impl_->feeder.parser.emplace();
    parser.eager(true);
    parser.skip(to_head_request);
    parser.header_limit(static_cast<std::uint32_t>(max_header_bytes));
    parser.body_limit(max_body_bytes);
}
HttpResponseReader::~HttpResponseReader() = default;

Result<bool> HttpResponseReader::feed(ByteView received) {
    impl_->any_byte = impl_->any_byte || !received.empty();
    auto complete = impl_->feeder.feed(received, "bad_response");
    if (!complete && complete.error().code == "header_too_large") return fail("too_large", complete.error().message);
    return complete;
}

Status HttpResponseReader::finish() {
    if (!impl_->feeder.parser->got_some()) return fail("bad_response", "the connection ended before any answer");
    error_code error;
    impl_->feeder.parser->put_eof(error);
    if (error || !impl_->feeder.parser->is_done()) return fail("bad_response", "the answer ended early");
    return {};
}

bool HttpResponseReader::started() const {
    return impl_->any_byte;
}

bool HttpResponseReader::keep_alive() const {
    return impl_->feeder.parser->keep_alive();
}

HttpResponse HttpResponseReader::take() {
    auto message = impl_->feeder.parser->release();
    return {static_cast<int>(message.result_int()), headers_of(message), std::move(message.body())};
}

// -- writing

Result<std::string> write_request(std::string_view method, std::string_view host, std::string_view target,
                                  const std::map<std::string, std::string>& headers, std::string_view body) {
    if (!is_token(method)) return fail("bad_header", "not an HTTP method");
    std::string out;
    out.append(method).append(" ").append(target).append(" HTTP/1.1\r\nhost: ").append(host).append("\r\n");
    for (const auto& [name, value] : headers) {
        const std::string lower_name = lower(name);
        if (!is_token(name) || has_control(value) || lower_name == "content-length" || lower_name == "host" ||
            lower_name == "transfer-encoding")
            return fail("bad_header", "the header '" + name.substr(0, 64) + "' cannot be sent");
        out.append(name).append(": ").append(value).append("\r\n");
    }
    if (!body.empty() || method == "POST" || method == "PUT" || method == "PATCH")
        out.append("content-length: ").append(std::to_string(body.size())).append("\r\n");
    out.append("\r\n").append(body);
    return out;
}

std::string write_response(const HttpResponse& response, bool keep_alive, bool to_head_request) {
    FS_ASSERT(response.status >= 200 && response.status <= 999);
    const auto reason = http::obsolete_reason(static_cast<http::status>(response.status));
    const bool bodyless = response.status == 204 || response.status == 304;
    std::string out = "HTTP/1.1 " + std::to_string(response.status) + " ";
    out.append(reason.data(), reason.size()).append("\r\n");
    for (const auto& [name, value] : response.headers) {
        FS_ASSERT(is_token(name));
        const std::string lower_name = lower(name);
        if (lower_name == "content-length" || lower_name == "connection" || lower_name == "transfer-encoding")
            continue;  // ours, below
        out.append(name).append(": ");
        for (const char c : value) out += is_control(c) ? ' ' : c;
        out.append("\r\n");
    }
    if (response.stream)
        out.append("transfer-encoding: chunked\r\n");
    else if (!bodyless)
        out.append("content-length: ").append(std::to_string(response.body.size())).append("\r\n");
    if (!keep_alive) out.append("connection: close\r\n");
    out.append("\r\n");
    if (!bodyless && !to_head_request) out.append(response.body);
    return out;
}

std::string write_chunk(std::string_view bytes) {
    std::array<char, 16> size{};
    const auto end = std::to_chars(size.data(), size.data() + size.size(), bytes.size(), 16).ptr;
    std::string out(size.data(), end);
    return out.append("\r\n").append(bytes).append("\r\n");
}

}  // namespace fairstream::base::net
