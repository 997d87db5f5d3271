/// HTTP as it comes from a socket, in two pieces: requests at a server, responses at a client.
#include "base/net/http_message.hpp"
#include "tests/fuzz/input.hpp"

using namespace fairstream;

namespace {

constexpr std::size_t kMaxHeader = 2048, kMaxBody = 2048;

void read_requests(ByteView first, ByteView second) {
    base::net::HttpRequestReader reader(kMaxHeader, kMaxBody);
    for (auto piece : {first, second}) {
        auto whole = reader.feed(piece);
        for (; whole && *whole; whole = reader.feed({})) {
            reader.take_expectation();
            if (const auto request = reader.take(); request)
                static_cast<void>(
                    base::net::write_request(request->method, "host", request->path, request->headers, request->body));
        }
        if (!whole) return;
    }
}

void read_response(ByteView first, ByteView second, bool to_head_request) {
    base::net::HttpResponseReader reader(kMaxHeader, kMaxBody, to_head_request);
    for (auto piece : {first, second}) {
        const auto whole = reader.feed(piece);
        if (!whole) return;
        if (*whole) return static_cast<void>(reader.take());
    }
    if (reader.finish()) static_cast<void>(reader.take());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    tests::Input input(data, size);
    const auto cut = input.byte() * 2u;
    const auto first = input.take(cut), second = input.rest();
    read_requests(first, second);
    read_response(first, second, false);
    read_response(first, second, true);
    static_cast<void>(base::net::percent_decode(as_text(second), true));
    return 0;
}
