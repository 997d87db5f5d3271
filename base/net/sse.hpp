#pragma once

#include <string>
#include <string_view>

/// Server-sent events as text (HTML, "Server-sent events", 9.2.6).
namespace fairstream::base::net {

inline constexpr char kSseContentType[] = "text/event-stream";

/// `id` and `type` without line breaks; empty: none. `data` may have several lines.
std::string sse_event(std::string_view id, std::string_view type, std::string_view data);
/// Keeps a quiet connection alive; clients ignore it.
std::string sse_comment();

}  // namespace fairstream::base::net
