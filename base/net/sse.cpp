#include "base/net/sse.hpp"

#include <algorithm>

namespace fairstream::base::net {

namespace {

void field(std::string& to, std::string_view name, std::string_view value) {
    to.append(name).append(": ");
    std::ranges::copy_if(value, std::back_inserter(to), [](char c) { return c != '\r' && c != '\n' && c != '\0'; });
    to += '\n';
}

}  // namespace

std::string sse_event(std::string_view id, std::string_view type, std::string_view data) {
    std::string out;
    if (!id.empty()) field(out, "id", id);
    if (!type.empty()) field(out, "event", type);
    while (true) {
        const auto end = std::min(data.find('\n'), data.size());
        field(out, "data", data.substr(0, end));
        if (end == data.size()) break;
        data.remove_prefix(end + 1);
    }
    return out += '\n';
}

std::string sse_comment() {
    return ":\n\n";
}

}  // namespace fairstream::base::net
