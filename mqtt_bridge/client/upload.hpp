#pragma once

#include <future>
#include <map>
#include <optional>

#include "mqtt_bridge/client/operator_link.hpp"
#include "mqtt_bridge/client/receipt.hpp"
#include "mqtt_bridge/client/spool_chain.hpp"
#include "mqtt_bridge/client/writer.hpp"

namespace fairstream::mqtt_bridge::client {

/// Brings what is in the spool to the operators, until a quorum has signed for it: sends, listens for receipts,
/// resends, changes the operator. One connection for all batches of a chain. The caller's thread drives it; connecting
/// is done beside it.
class Upload {
public:
    Upload(const WriterOptions& options, SpoolChain& spool);

    /// One round: connects if need be, takes what has come within `wait`, sends what may be sent.
    /// Errors: grant_refused, conflict, operators_unreachable, io_error.
    Status pump(std::chrono::milliseconds wait);

    /// The receipts over the very end of the batch that ends at `last`: complete when a quorum is among them.
    std::vector<chaincode::schema::StorageReceipt> end_receipts(std::uint64_t last) const;
    bool complete(std::uint64_t last) const { return end_receipts(last).size() >= options_.quorum; }
    /// The batch is with the ledger.
    void forget(std::uint64_t last) { ends_.erase(ends_.begin(), ends_.upper_bound(last)); }
    const std::string& operator_name() const { return options_.operators[current_].name; }

private:
    using Clock = std::chrono::microseconds;  // of base::steady_now
    using Opening = std::future<Result<std::unique_ptr<OperatorLink>>>;

    Status connect(std::chrono::milliseconds wait);
    Status opened(Result<std::unique_ptr<OperatorLink>> link);
    Status refuse(const Error& error);
    void leave(const Error& why);
    Status check_patience();
    Status send();
    /// False: the link takes no more now, or is left.
    Result<bool> send(const SpoolChain::Place& place);
    Status resend_ends();
    /// Closed batches of which a quorum has not signed for the end.
    std::vector<std::uint64_t> open_ends() const;
    Status take(const MqttMessage& message);
    void take_receipt(ByteView payload);
    Status take_notice(std::string_view payload);
    void count_quorum();

    const WriterOptions& options_;
    SpoolChain& spool_;
    const log::StreamHash stream_;
    const std::string up_topic_, receipts_topic_;
    std::map<std::string, identity::crypto::VerifyingKey> keys_;
    Opening opening_;
    std::unique_ptr<OperatorLink> link_;
    std::size_t current_ = 0;
    std::uint64_t sent_through_ = 0;              // on this link
    std::map<std::string, std::uint64_t> marks_;  // per operator, the highest receipt
    std::map<std::uint64_t, std::map<std::string, chaincode::schema::StorageReceipt>>
        ends_;                               // by a batch's last number
    std::map<std::string, Error> troubles_;  // per operator, the last one
    Clock last_progress_;                    // a quorum grew, or nothing was waiting
    Clock last_heard_;                       // of the current operator
    Clock ends_complete_;                    // when no end was open last, or one was completed
    Clock joined_{};                         // when this link was opened
    Clock last_resent_{};
    Clock ends_resent_{};
    Clock next_connect_{};
};

}  // namespace fairstream::mqtt_bridge::client
