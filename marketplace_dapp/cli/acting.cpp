#include "marketplace_dapp/cli/acting.hpp"

#include "identity/did/did_key.hpp"

namespace fairstream::marketplace_dapp::cli {

Result<std::string> resolve_account(Session& session, const std::string& who) {
    const auto file = session.key_file(who);
    if (!file || !std::filesystem::exists(*file)) return who;
    FS_ASSIGN(const auto secret, session.passphrase());
    FS_ASSIGN(const auto key, identity::crypto::SigningKey::load(*file, secret));
    return identity::did::did_from_key(key.public_key());
}

}  // namespace fairstream::marketplace_dapp::cli
