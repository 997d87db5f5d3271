#pragma once

#include <boost/json/value.hpp>

#include "base/net/http.hpp"
#include "base/result.hpp"

namespace fairstream::marketplace_dapp::api {

/// What an operation answers: a JSON document, with status 200.
using Answer = Result<boost::json::value>;

/// The answer, or the problem document of its error. The status and whether trying again can help follow from the code.
base::net::HttpResponse to_response(const Answer& answer);

}  // namespace fairstream::marketplace_dapp::api
