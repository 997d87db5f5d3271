#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "chaincode/schema/custody.pb.h"
#include "chaincode/schema/marketplace.pb.h"
#include "chaincode/schema/security_manager.pb.h"

/// Records of the ledger as the REST interface shows them. Amounts in micro-credits, rates in millionths, times RFC
/// 3339 (UTC, microseconds), keys and hashes in lower-case hex.
namespace fairstream::marketplace_dapp::events {

boost::json::object to_json(const chaincode::schema::Offer& offer);
boost::json::object to_json(const chaincode::schema::Batch& batch);
boost::json::object to_json(const chaincode::schema::Purchase& purchase);
boost::json::object to_json(const chaincode::schema::DealingRecord& dealing);
boost::json::object to_json(const chaincode::schema::GetReleasesReply& reply);
boost::json::object to_json(const chaincode::schema::Operator& entry);
boost::json::object to_json(const chaincode::schema::GrantReply& reply);

/// Text from a transaction that nobody checked: control characters become '?', what exceeds `max_bytes` is cut.
std::string harmless(const std::string& text, std::size_t max_bytes);

}  // namespace fairstream::marketplace_dapp::events
