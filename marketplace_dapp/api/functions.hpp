#pragma once

#include <boost/json/value.hpp>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"

/// Functions of the contracts that an actor can call, with their messages as JSON (protobuf's JSON mapping, members
/// named as in the .proto files; `bytes` in base64).
namespace fairstream::marketplace_dapp::api {

/// What comes of a call: a transaction, or an answer from the state as it is.
enum class CallKind { kSubmit, kQuery };

/// Error: unknown_function.
Result<CallKind> kind_of(const std::string& contract, const std::string& function);
/// Errors: unknown_function, bad_arguments (which names what does not fit).
Result<Bytes> arguments_from_json(const std::string& contract, const std::string& function,
                                  const boost::json::value& arguments);
/// What travels beside the proposal: a text as it is (the presentation of a registration), or the function's message
/// (the shares of a dealing). Errors: unknown_function, bad_arguments (also if the function takes none).
Result<Bytes> private_inputs_from_json(const std::string& contract, const std::string& function,
                                       const boost::json::value& inputs);
/// The reply as JSON; null where the function is not known here or its reply does not parse.
boost::json::value reply_to_json(const std::string& contract, const std::string& function, ByteView reply);

}  // namespace fairstream::marketplace_dapp::api
