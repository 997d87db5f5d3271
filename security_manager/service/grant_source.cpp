#include "security_manager/service/grant_source.hpp"

namespace fairstream::security_manager::service {

namespace schema = chaincode::schema;

namespace {
constexpr const char* kContract = "security_manager";
}

LedgerGrantSource::LedgerGrantSource(ledger::client::Client& client, ledger::client::Identity identity)
    : client_(client), identity_(std::move(identity)) {}

Result<schema::GrantReply> LedgerGrantSource::grant(const std::string& id) {
    schema::GetGrantRequest request;
    request.set_grant(id);
    return ledger::client::query<schema::GrantReply>(client_, identity_, kContract, "GetGrant", request,
                                                     /*sealed=*/true);
}

Result<schema::ListOperatorsReply> LedgerGrantSource::operators() {
    return ledger::client::query<schema::ListOperatorsReply>(client_, identity_, kContract, "ListOperators",
                                                             schema::ListOperatorsRequest(), /*sealed=*/true);
}

}  // namespace fairstream::security_manager::service
