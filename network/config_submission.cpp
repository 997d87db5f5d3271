#include "network/config_submission.hpp"

#include "base/file.hpp"
#include "identity/did/did_key.hpp"
#include "ledger/contract/configure.hpp"
#include "ledger/proto/wire.hpp"
#include "marketplace_dapp/client/profile.hpp"

namespace fairstream::network {

using identity::crypto::SigningKey;

Result<ledger::client::Client*> ConfigSubmission::client() {
    if (client_) return client_.get();
    FS_ASSIGN(const auto profile, marketplace_dapp::client::Profile::load(network_));
    loop_ = std::make_unique<base::net::Loop>();
    loop_->start();
    client_ = std::make_unique<ledger::client::Client>(*loop_, profile.ledger_options());
    return client_.get();
}

Result<std::shared_ptr<const ledger::contract::Channel>> ConfigSubmission::in_force() {
    FS_ASSIGN(auto* gateway, client());
    FS_ASSIGN(const auto info, gateway->info());
    return ledger::contract::Channel::in_force(as_bytes(info.config()));
}

Result<ledger::client::Commit> ConfigSubmission::submit(const ledger::proto::ConfigUpdate& update) {
    FS_ASSIGN(auto* gateway, client());
    ledger::client::Identity anyone{SigningKey::generate(), {}, {}};
    anyone.did = identity::did::did_from_key(anyone.key.public_key());
    return gateway->submit(anyone, {std::string(ledger::contract::kChannelContract),
                                    std::string(ledger::contract::kConfigureFunction),
                                    ledger::proto::encode(update),
                                    {}});
}

Status approve_with(ledger::proto::ConfigUpdate& update, const std::string& channel,
                    const std::filesystem::path& folder) {
    FS_ASSIGN(const auto key, SigningKey::load(folder / "admin.key"));
    FS_ASSIGN(const auto pem, base::read_file(folder / "admin.pem", 2 * identity::msp::kMaxCertificateBytes));
    FS_ASSIGN(const auto admin, identity::msp::MemberCertificate::from_pem(as_text(pem)));
    if (!(admin.key == key.public_key()))
        return fail("wrong_key", (folder / "admin.key").string() + " is not the key of the certificate beside it");
    approve_change(update, channel, admin, key);
    return {};
}

}  // namespace fairstream::network
