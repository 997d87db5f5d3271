#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "security_manager/gate/session.hpp"

/// The topics of data-plane.md, "Frames and topics": what exists under fs/1. One spelling only: lower-case hex, exactly
/// these levels.
namespace fairstream::security_manager::gate {

enum class TopicKind {
    kUp,        // fs/1/s/{stream}/up        bundles, from the writer to the daemon
    kReceipts,  // fs/1/s/{stream}/receipts  storage receipts, from the daemon to writer and readers
    kLive,      // fs/1/s/{stream}/live      durable frames, one per message, from the daemon to readers
    kFetch,     // fs/1/s/{stream}/fetch     range requests, from readers to the daemon
    kInbox,     // fs/1/in/{session}         replies and notices, from the daemon to one session
    kOperator,  // fs/1/op/{operator}/...    from that operator to the daemon; the name says who speaks, replies go to
                //                           its inbox
};

struct Topic {
    TopicKind kind{};
    StreamHash stream{};        // of the first four
    SessionId session{};        // of kInbox
    std::string operator_name;  // of kOperator
    std::string rest;           // of kOperator: what follows the name, without the '/' between
};

/// Nothing for what is no topic of ours, or holds a wildcard.
std::optional<Topic> parse_topic(std::string_view topic);

std::string up_topic(const StreamHash& stream);
std::string receipts_topic(const StreamHash& stream);
std::string live_topic(const StreamHash& stream);
std::string fetch_topic(const StreamHash& stream);
std::string inbox_topic(const SessionId& session);
/// `rest` like "replicate".
std::string operator_topic(std::string_view operator_name, std::string_view rest);

/// What the daemon subscribes to: everyone's uploads, range requests and operators' messages.
inline constexpr std::string_view kAllUploads = "fs/1/s/+/up";
inline constexpr std::string_view kAllFetches = "fs/1/s/+/fetch";
inline constexpr std::string_view kAllOperators = "fs/1/op/#";

}  // namespace fairstream::security_manager::gate
