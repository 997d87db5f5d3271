#pragma once

#include <map>
#include <optional>

#include "mqtt_bridge/client/operator_link.hpp"
#include "mqtt_bridge/client/receipt.hpp"
#include "mqtt_bridge/client/spool.hpp"
#include "mqtt_bridge/client/writer.hpp"

namespace fairstream::mqtt_bridge::client {

/// Brings what is in the spool to the operators, until a quorum has signed for it: sends, listens for receipts,
/// resends, changes the operator. The caller's thread drives it.
class Upload {
public:
    Upload(const WriterOptions& options, Spool& spool);

    /// One round: connects if need be, takes what has come within `wait`, sends what may be sent.
    /// Errors: grant_refused, conflict, operators_unreachable, io_error.
    Status pump(std::chrono::milliseconds wait);

    /// The receipts over everything up to the spool's last entry: complete when a quorum is among them.
    std::vector<chaincode::schema::StorageReceipt> final_receipts() const;
    const std::string& operator_name() const { return options_.operators[current_].name; }

private:
    struct Stored {
        std::uint64_t through = 0;
        chaincode::schema::StorageReceipt receipt;
    };
    using Clock = std::chrono::microseconds;  // of base::steady_now

    Status connect();
    Status refuse(const Error& error);
    void leave(const Error& why);
    Status check_patience();
    Status send();
    Status take(const MqttMessage& message);
    void take_receipt(ByteView payload);
    Status take_notice(std::string_view payload);
    void count_quorum();
    const Spool::Entry* ending_at(std::uint64_t sequence) const;

    const WriterOptions& options_;
    Spool& spool_;
    const log::StreamHash stream_;
    const std::string up_topic_, receipts_topic_;
    std::map<std::string, identity::crypto::VerifyingKey> keys_;
    std::unique_ptr<OperatorLink> link_;
    std::size_t current_ = 0;
    std::size_t sent_ = 0;  // entries below were published on this link
    std::map<std::string, Stored> receipts_;
    std::map<std::string, Error> troubles_;  // per operator, the last one
    Clock last_progress_;                    // a quorum grew, or nothing was waiting
    Clock last_heard_;                       // of the current operator
    Clock last_resent_{};
    Clock next_connect_{};
};

}  // namespace fairstream::mqtt_bridge::client
