#include "mqtt_bridge/operator/ledger_port.hpp"

#include "chaincode/schema/names.hpp"
#include "security_manager/service/revocation_feed.hpp"

namespace fairstream::mqtt_bridge::storage_operator {

namespace schema = chaincode::schema;
namespace names = schema::names;

GatewayLedger::GatewayLedger(ledger::client::Client& client, ledger::client::Identity identity)
    : client_(client), identity_(std::move(identity)), grants_(client, identity_) {}

Result<schema::GrantReply> GatewayLedger::grant(const std::string& id) {
    return grants_.grant(id);
}

Result<schema::ListOperatorsReply> GatewayLedger::operators() {
    return grants_.operators();
}

Status GatewayLedger::redeem(const schema::DownloadDataStreamRequest& request) {
    return grants_.redeem(request);
}

Result<schema::Placement> GatewayLedger::placement(const std::string& stream_id) {
    schema::GetPlacementRequest request;
    request.set_stream_id(stream_id);
    return ledger::client::query<schema::Placement>(client_, identity_, names::contract::kSecurityManager,
                                                    names::security_manager::kGetPlacement, request, /*sealed=*/true);
}

Status GatewayLedger::set_endpoints(const schema::SetEndpointsRequest& request) {
    FS_TRY(ledger::client::submit<schema::Operator>(client_, identity_, names::contract::kSecurityManager,
                                                    names::security_manager::kSetEndpoints, request));
    return {};
}

Result<std::shared_ptr<void>> GatewayLedger::follow_revocations(security_manager::service::SessionService& service) {
    FS_ASSIGN(auto feed, security_manager::service::RevocationFeed::start(client_, service));
    return std::shared_ptr<void>(std::move(feed));
}

}  // namespace fairstream::mqtt_bridge::storage_operator
