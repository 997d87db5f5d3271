#include "security_manager/gate/topic.hpp"

#include <algorithm>

#include "base/encoding.hpp"

namespace fairstream::security_manager::gate {

namespace {

constexpr std::string_view kStreams = "fs/1/s/";
constexpr std::string_view kInboxes = "fs/1/in/";
constexpr std::string_view kOperators = "fs/1/op/";
constexpr std::size_t kMaxTopicBytes = 256;

std::optional<StreamHash> stream_from_hex(std::string_view hex) {
    // A stream hash and a session id are both 16 bytes with one spelling.
    return session_id_from_text(hex);
}

std::optional<TopicKind> stream_topic(std::string_view level) {
    if (level == "up") return TopicKind::kUp;
    if (level == "receipts") return TopicKind::kReceipts;
    if (level == "live") return TopicKind::kLive;
    if (level == "fetch") return TopicKind::kFetch;
    return std::nullopt;
}

std::optional<Topic> parse_stream_topic(std::string_view after) {
    constexpr std::size_t kHexBytes = 2 * std::tuple_size_v<StreamHash>;
    if (after.size() <= kHexBytes || after[kHexBytes] != '/') return std::nullopt;
    const auto stream = stream_from_hex(after.substr(0, kHexBytes));
    const auto kind = stream_topic(after.substr(kHexBytes + 1));
    if (!stream || !kind) return std::nullopt;
    Topic topic;
    topic.kind = *kind;
    topic.stream = *stream;
    return topic;
}

std::optional<Topic> parse_operator_topic(std::string_view after) {
    const auto slash = after.find('/');
    if (slash == std::string_view::npos || slash == 0 || slash + 1 == after.size()) return std::nullopt;
    Topic topic;
    topic.kind = TopicKind::kOperator;
    topic.operator_name = after.substr(0, slash);
    topic.rest = after.substr(slash + 1);
    return topic;
}

std::string stream_topic_text(const StreamHash& stream, std::string_view level) {
    return std::string(kStreams) + base::to_hex(stream) + "/" + std::string(level);
}

}  // namespace

std::optional<Topic> parse_topic(std::string_view topic) {
    const auto is_wild = [](char c) { return c == '+' || c == '#' || c == '\0'; };
    if (topic.size() > kMaxTopicBytes || std::any_of(topic.begin(), topic.end(), is_wild)) return std::nullopt;
    if (topic.starts_with(kStreams)) return parse_stream_topic(topic.substr(kStreams.size()));
    if (topic.starts_with(kOperators)) return parse_operator_topic(topic.substr(kOperators.size()));
    if (topic.starts_with(kInboxes)) {
        const auto session = session_id_from_text(topic.substr(kInboxes.size()));
        if (!session) return std::nullopt;
        Topic inbox;
        inbox.kind = TopicKind::kInbox;
        inbox.session = *session;
        return inbox;
    }
    return std::nullopt;
}

std::string up_topic(const StreamHash& stream) {
    return stream_topic_text(stream, "up");
}
std::string receipts_topic(const StreamHash& stream) {
    return stream_topic_text(stream, "receipts");
}
std::string live_topic(const StreamHash& stream) {
    return stream_topic_text(stream, "live");
}
std::string fetch_topic(const StreamHash& stream) {
    return stream_topic_text(stream, "fetch");
}
std::string inbox_topic(const SessionId& session) {
    return std::string(kInboxes) + to_text(session);
}
std::string operator_topic(std::string_view operator_name, std::string_view rest) {
    return std::string(kOperators) + std::string(operator_name) + "/" + std::string(rest);
}

}  // namespace fairstream::security_manager::gate
