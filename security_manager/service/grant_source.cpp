#include "security_manager/service/grant_source.hpp"

#include "chaincode/schema/names.hpp"

namespace fairstream::security_manager::service {

namespace schema = chaincode::schema;
namespace names = chaincode::schema::names;

LedgerGrantSource::LedgerGrantSource(ledger::client::Client& client, ledger::client::Identity identity)
    : client_(client), identity_(std::move(identity)) {}

Result<schema::GrantReply> LedgerGrantSource::grant(const std::string& id) {
    schema::GetGrantRequest request;
    request.set_grant(id);
    return ledger::client::query<schema::GrantReply>(client_, identity_, names::contract::kSecurityManager,
                                                     names::security_manager::kGetGrant, request,
                                                     /*sealed=*/true);
}

Result<schema::ListOperatorsReply> LedgerGrantSource::operators() {
    return ledger::client::query<schema::ListOperatorsReply>(client_, identity_, names::contract::kSecurityManager,
                                                             names::security_manager::kListOperators,
                                                             schema::ListOperatorsRequest(), /*sealed=*/true);
}

Status LedgerGrantSource::redeem(const schema::DownloadDataStreamRequest& request) {
    FS_TRY(ledger::client::submit<schema::DownloadReply>(client_, identity_, names::contract::kSecurityManager,
                                                         names::security_manager::kDownloadDataStream, request));
    return {};
}

}  // namespace fairstream::security_manager::service
