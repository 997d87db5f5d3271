#pragma once

#include "chaincode/schema/actors.pb.h"
#include "ledger/contract/context.hpp"

/// The issuers whose credentials count.
namespace fairstream::chaincode::actors {

Result<schema::Issuer> trust_issuer(ledger::contract::Context& context, const schema::TrustIssuerRequest& request);
Result<schema::ListIssuersReply> list_issuers(ledger::contract::Context& context, const schema::ListIssuersRequest&);

/// Nothing if the issuer is unknown or no longer trusted.
Result<std::optional<schema::Issuer>> trusted_issuer(ledger::contract::Context& context, const std::string& did);
bool counts_for(const schema::Issuer& issuer, const std::string& type);

}  // namespace fairstream::chaincode::actors
