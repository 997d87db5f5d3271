#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <string>

#include "chaincode/schema/actors.pb.h"
#include "chaincode/schema/marketplace.pb.h"
#include "marketplace_dapp/client/actor.hpp"

/// Records of the ledger as JSON (client/record_json.hpp; "offer", "batch" and "purchase" name what is "id" or "number"
/// there, and what stands only on the ledger is added) and as text for people.
namespace fairstream::marketplace_dapp::cli {

/// 12,500,000 -> "12.500000"; always exact.
std::string credits(std::int64_t micro);
/// 623,076 -> "0.623".
std::string rate(std::uint32_t millionths);

boost::json::object to_json(const chaincode::schema::Actor& actor);
boost::json::object to_json(const chaincode::schema::Offer& offer);
boost::json::object to_json(const chaincode::schema::Batch& batch);
/// With "batch", or "window" and "renewed_by".
boost::json::object to_json(const chaincode::schema::Purchase& purchase);
boost::json::array to_json(const std::vector<client::StepTime>& steps);
boost::json::array to_json(const std::vector<std::string>& texts);

std::string to_text(const chaincode::schema::Offer& offer);
std::string to_text(const chaincode::schema::Purchase& purchase);
std::string to_text(const std::vector<client::StepTime>& steps);

std::string state_name(chaincode::schema::PurchaseState state);  // "escrowed", "released", ...

}  // namespace fairstream::marketplace_dapp::cli
