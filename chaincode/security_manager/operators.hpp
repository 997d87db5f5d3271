#pragma once

#include <vector>

#include "chaincode/schema/security_manager.pb.h"
#include "ledger/contract/context.hpp"

/// The storage operators.
namespace fairstream::chaincode::security_manager {

constexpr std::uint32_t kMaxOperators = 1000;
constexpr std::size_t kMaxOperatorNameBytes = 32;

Status check_operator_name(std::string_view name);
Result<schema::Operator> register_operator(ledger::contract::Context& context,
                                           const schema::RegisterOperatorRequest& request);
Result<schema::Operator> set_endpoints(ledger::contract::Context& context, const schema::SetEndpointsRequest& request);
Result<schema::ListOperatorsReply> list_operators(ledger::contract::Context& context,
                                                  const schema::ListOperatorsRequest& request);
/// Error: not_found.
Result<schema::Operator> find_operator(ledger::contract::Context& context, const std::string& name);

}  // namespace fairstream::chaincode::security_manager
