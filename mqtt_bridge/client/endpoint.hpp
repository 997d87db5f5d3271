#pragma once

#include <string>

namespace fairstream::mqtt_bridge::client {

/// Where a storage operator is reached and whose signature speaks for it, as the ledger lists it
/// (security_manager.Operator).
struct OperatorEndpoint {
    std::string name;
    std::string https_url;  // https://host:port
    std::string mqtt_url;   // mqtts://host:port
    std::string did;        // did:key of its signing key

    bool operator==(const OperatorEndpoint&) const = default;
};

}  // namespace fairstream::mqtt_bridge::client
