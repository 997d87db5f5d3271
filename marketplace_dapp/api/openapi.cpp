#include "marketplace_dapp/api/openapi.hpp"

#include "marketplace_dapp/api/openapi_document.hpp"  // openapi.json, made into a constant by CMake

namespace fairstream::marketplace_dapp::api {

const std::string& openapi() {
    static const std::string document(kOpenapiDocument);
    return document;
}

}  // namespace fairstream::marketplace_dapp::api
