#pragma once

#include "marketplace_dapp/cli/session.hpp"

/// Who acts, and on whom.
namespace fairstream::marketplace_dapp::cli {

/// The actor of --as on the network of --network.
template <typename ActorType>
Result<ActorType> actor(Session& session) {
    FS_ASSIGN(auto key, session.key());
    FS_ASSIGN(auto* connection, session.connect());
    return ActorType(*connection, std::move(key));
}

/// For questions that anyone may ask.
template <typename ActorType>
Result<ActorType> anyone(Session& session) {
    FS_ASSIGN(auto key, session.key_or_anyone());
    FS_ASSIGN(auto* connection, session.connect());
    return ActorType(*connection, std::move(key));
}

/// A name under keys/ becomes its DID; anything else is an account as it stands.
Result<std::string> resolve_account(Session& session, const std::string& who);

}  // namespace fairstream::marketplace_dapp::cli
