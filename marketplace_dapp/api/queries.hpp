#pragma once

#include <map>
#include <string>

#include "ledger/client/client.hpp"
#include "marketplace_dapp/api/answer.hpp"

namespace fairstream::marketplace_dapp::api {

/// What is asked of the ledger itself, as it stands this moment: the read model follows a little later, and knows
/// nothing of grants. Blocking; from any thread but the loop's.
class Queries {
public:
    /// `self` asks where the client does not sign: the catalogue of this market is open.
    Queries(ledger::client::Client& client, ledger::client::Identity self) : client_(client), self_(std::move(self)) {}

    /// {"contract", "function", "arguments": {...}}, asked under the DApp's own key, or {"proposal", "signature"},
    /// prepared and signed like a transaction -> {"response"}: the function's reply message in protobuf's JSON mapping.
    Answer evaluate(const std::string& body);
    /// A grant with its operators and whether it can be used now.
    Answer grant(const std::string& id);
    /// What opens the key of a purchase: the dealing and the custodians' releases. `query`: key_epoch.
    Answer releases(const std::string& purchase, const std::map<std::string, std::string>& query);

private:
    ledger::client::Client& client_;
    const ledger::client::Identity self_;
};

}  // namespace fairstream::marketplace_dapp::api
