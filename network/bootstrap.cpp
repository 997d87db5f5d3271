#include "network/bootstrap.hpp"

#include <fmt/format.h>

#include "base/file.hpp"
#include "base/net/loop.hpp"
#include "chaincode/schema/actors.pb.h"
#include "chaincode/schema/credits.pb.h"
#include "chaincode/schema/governance.pb.h"
#include "chaincode/schema/security_manager.pb.h"
#include "identity/crypto/keys.hpp"
#include "identity/did/did_key.hpp"
#include "identity/msp/certificate.hpp"
#include "ledger/client/client.hpp"
#include "marketplace_dapp/client/profile.hpp"

namespace fairstream::network {

namespace schema = chaincode::schema;
using identity::crypto::SigningKey;

namespace {

constexpr std::int64_t kFaucetMicro = 1'000'000'000'000'000;  // a thousand million credits
constexpr std::uint32_t kIssuerWeight = 1'000'000;
constexpr std::uint64_t kOperatorCapacityBytes = 100ULL << 30;

template <typename Request>
void add_call(schema::Decision& decision, const char* contract, const char* function, const Request& request) {
    auto* call = decision.add_calls();
    call->set_contract(contract);
    call->set_function(function);
    call->set_arguments(request.SerializeAsString());
}

Result<std::string> did_of(const std::filesystem::path& key_file) {
    FS_ASSIGN(const auto key, SigningKey::load(key_file));
    return identity::did::did_from_key(key.public_key());
}

/// The same bytes at every start, so that approving again changes nothing.
Result<schema::Decision> founding_decision(const Layout& layout) {
    schema::Decision decision;
    decision.set_title("Found the network: faucet, issuer, operators");
    decision.set_nonce(std::string(16, '\0'));
    schema::MintRequest mint;
    mint.set_account("faucet");
    mint.set_amount_micro(kFaucetMicro);
    add_call(decision, "credits", "Mint", mint);

    schema::TrustIssuerRequest trust;
    FS_ASSIGN(*trust.mutable_issuer()->mutable_did(), did_of(layout.keys_folder() / "issuer1.key"));
    trust.mutable_issuer()->set_name("issuer1");
    trust.mutable_issuer()->set_weight(kIssuerWeight);
    trust.mutable_issuer()->set_active(true);
    add_call(decision, "actors", "TrustIssuer", trust);

    for (const auto& storage : layout.operators) {
        schema::RegisterOperatorRequest request;
        auto& entry = *request.mutable_operator_();
        entry.set_name(storage.name);
        entry.set_organisation(storage.organisation);
        FS_ASSIGN(*entry.mutable_did(), did_of(storage.folder / "operator.key"));
        entry.set_region("local");
        entry.set_capacity_bytes(kOperatorCapacityBytes);
        entry.set_active(true);
        add_call(decision, "security_manager", "RegisterOperator", request);
    }
    return decision;
}

Result<ledger::client::Identity> admin_of(const Layout& layout, const std::string& organisation) {
    const auto folder = layout.organisation_folder(organisation) / "admin";
    FS_ASSIGN(auto key, SigningKey::load(folder / "admin.key"));
    FS_ASSIGN(const auto pem, base::read_file(folder / "admin.pem", identity::msp::kMaxCertificateBytes * 2));
    FS_ASSIGN(auto certificate, identity::msp::MemberCertificate::from_pem(as_text(pem)));
    return ledger::client::Identity{.key = std::move(key), .did = {}, .certificate = std::move(certificate.der)};
}

}  // namespace

Status bootstrap(const Layout& layout, const std::function<void(const std::string&)>& progress) {
    FS_ASSIGN(const auto profile, marketplace_dapp::client::Profile::load(layout.dir));
    FS_ASSIGN(const auto decision, founding_decision(layout));
    base::net::Loop loop;
    loop.start();
    ledger::client::Client client(loop, profile.ledger_options());
    schema::ApproveRequest request;
    *request.mutable_decision() = decision;
    for (const auto& organisation : layout.organisations) {
        FS_ASSIGN(const auto admin, admin_of(layout, organisation));
        FS_ASSIGN(const auto reply,
                  ledger::client::submit<schema::ApproveReply>(client, admin, "governance", "Approve", request));
        if (!reply.executed()) continue;
        progress(fmt::format("founding decision executed, approved by {} of {} organisations", reply.approved_by_size(),
                             layout.organisations.size()));
        return {};
    }
    return fail("start_failed", "no majority of organisations approved the founding decision");
}

}  // namespace fairstream::network
