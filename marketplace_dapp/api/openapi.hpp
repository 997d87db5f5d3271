#pragma once

#include <string>

namespace fairstream::marketplace_dapp::api {

/// The OpenAPI 3.1 document of the REST interface.
const std::string& openapi();

}  // namespace fairstream::marketplace_dapp::api
