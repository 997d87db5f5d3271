#pragma once

#include <memory>

#include "security_manager/service/grant_source.hpp"
#include "security_manager/service/session_service.hpp"

namespace fairstream::mqtt_bridge::storage_operator {

/// What an operator asks and tells the ledger, through its own organisation's node. Blocking; called from worker
/// threads, several at once.
class LedgerPort : public security_manager::service::GrantSource {
public:
    /// Errors: unknown_placement or the contract's own, unreachable.
    virtual Result<chaincode::schema::Placement> placement(const std::string& stream_id) = 0;
    virtual Status set_endpoints(const chaincode::schema::SetEndpointsRequest& request) = 0;
    /// Ends sessions as the ledger revokes their grants, until the handle goes. Error: unreachable.
    virtual Result<std::shared_ptr<void>> follow_revocations(security_manager::service::SessionService& service) = 0;
};

/// Contract security_manager, asked through the gateway.
class GatewayLedger : public LedgerPort {
public:
    /// `client` must outlive this. `identity`: the operator's own key and DID.
    GatewayLedger(ledger::client::Client& client, ledger::client::Identity identity);

    Result<chaincode::schema::GrantReply> grant(const std::string& id) override;
    Result<chaincode::schema::ListOperatorsReply> operators() override;
    Status redeem(const chaincode::schema::DownloadDataStreamRequest& request) override;
    Result<chaincode::schema::Placement> placement(const std::string& stream_id) override;
    Status set_endpoints(const chaincode::schema::SetEndpointsRequest& request) override;
    Result<std::shared_ptr<void>> follow_revocations(security_manager::service::SessionService& service) override;

private:
    ledger::client::Client& client_;
    ledger::client::Identity identity_;
    security_manager::service::LedgerGrantSource grants_;
};

}  // namespace fairstream::mqtt_bridge::storage_operator
