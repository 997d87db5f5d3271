#pragma once

#include <boost/json/object.hpp>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"

/// Bodies of requests, read strictly. Errors: bad_request, naming the member.
namespace fairstream::marketplace_dapp::api {

Result<boost::json::object> parse_object(const std::string& body);
Status only_members(const boost::json::object& object, std::initializer_list<std::string_view> names);
Result<std::string> text_of(const boost::json::object& object, const char* name);
Result<boost::json::value> object_of(const boost::json::object& object, const char* name);
/// base64url without padding.
Result<Bytes> bytes_of(const boost::json::object& object, const char* name);
/// Empty if there is no such member.
Result<Bytes> optional_bytes_of(const boost::json::object& object, const char* name);

}  // namespace fairstream::marketplace_dapp::api
