#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "chaincode/schema/custody.pb.h"
#include "chaincode/schema/marketplace.pb.h"
#include "chaincode/schema/security_manager.pb.h"

/// Records of the ledger as JSON, by the schemas of api/openapi.json; the command line shows them with keys of its own
/// beside these (cli/render). Amounts in micro-credits, rates in millionths, times RFC 3339 (UTC, microseconds), keys
/// and hashes in lower-case hex.
namespace fairstream::marketplace_dapp::client {

std::string hex_of(const std::string& bytes);
std::string time_of(std::uint64_t us);  // since 1970

boost::json::object to_json(const chaincode::schema::Offer& offer);
boost::json::object to_json(const chaincode::schema::Batch& batch);
boost::json::object to_json(const chaincode::schema::Purchase& purchase);
boost::json::object to_json(const chaincode::schema::DealingRecord& dealing);
boost::json::object to_json(const chaincode::schema::GetReleasesReply& reply);
boost::json::object to_json(const chaincode::schema::Operator& entry);
boost::json::object to_json(const chaincode::schema::GrantReply& reply);

}  // namespace fairstream::marketplace_dapp::client
