#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

/// Functions of the contracts that an actor can submit, with their messages as JSON (protobuf's JSON mapping, members
/// named as in the .proto files; `bytes` in base64).
namespace fairstream::marketplace_dapp::api {

/// "contract.Function", sorted.
std::vector<std::string> function_names();
/// Errors: unknown_function, bad_arguments (which names what does not fit).
Result<Bytes> arguments_from_json(const std::string& contract, const std::string& function,
                                  const boost::json::value& arguments);
/// The reply as JSON; null where the function is not known here or its reply does not parse.
boost::json::value reply_to_json(const std::string& contract, const std::string& function, ByteView reply);

}  // namespace fairstream::marketplace_dapp::api
