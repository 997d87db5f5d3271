#pragma once

#include <string>

#include "base/result.hpp"
#include "chaincode/schema/security_manager.pb.h"
#include "ledger/client/client.hpp"

namespace fairstream::security_manager::service {

/// What the security manager asks its own organisation's node. Blocking; called from worker threads, several at once.
class GrantSource {
public:
    virtual ~GrantSource() = default;
    /// As sealed. Errors: the contract's own (unknown_grant), unreachable.
    virtual Result<chaincode::schema::GrantReply> grant(const std::string& id) = 0;
    virtual Result<chaincode::schema::ListOperatorsReply> operators() = 0;
    /// Brings a buyer's receipt to the ledger, which pays for what it covers (DownloadDataStream). Errors: not_recorded
    /// (some of its entries are of no recorded batch yet: try again later), the contract's own, unreachable.
    virtual Status redeem(const chaincode::schema::DownloadDataStreamRequest& request) = 0;
};

/// Contract security_manager, asked through the gateway.
class LedgerGrantSource : public GrantSource {
public:
    /// `client` must outlive this.
    LedgerGrantSource(ledger::client::Client& client, ledger::client::Identity identity);
    Result<chaincode::schema::GrantReply> grant(const std::string& id) override;
    Result<chaincode::schema::ListOperatorsReply> operators() override;
    Status redeem(const chaincode::schema::DownloadDataStreamRequest& request) override;

private:
    ledger::client::Client& client_;
    ledger::client::Identity identity_;
};

/// Whether the ledger, which accounts for all entries up to `through`, has taken all of `receipt`. Error: not_recorded.
Status check_accounted(const chaincode::schema::DeliveryReceipt& receipt, std::uint64_t through);

}  // namespace fairstream::security_manager::service
