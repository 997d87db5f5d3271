#include "network/node_config.hpp"

#include "base/config.hpp"
#include "base/file.hpp"
#include "identity/msp/certificate.hpp"
#include "marketplace_dapp/client/profile.hpp"
#include "network/program.hpp"

namespace fairstream::network {

namespace {

constexpr std::size_t kMaxPeers = 255;
constexpr std::size_t kMaxGenesisBytes = 4u << 20;

base::net::Address address_of(base::Config& config, const char* key) {
    const auto address = marketplace_dapp::client::parse_address(config.text(key, 256));
    if (address) return *address;
    config.reject(key, address.error().message);
    return {};
}

}  // namespace

Result<NodeProgramConfig> load_node_config(const std::filesystem::path& file) {
    FS_ASSIGN(auto config, base::Config::load(file));
    NodeProgramConfig out;
    out.node.name = config.text("name", 64);
    out.organisation = config.text("organisation", 64);
    const auto genesis = beside(file, config.text("genesis"));
    const auto roots = beside(file, config.text("roots"));
    const auto key = beside(file, config.text("key"));
    const auto certificate = beside(file, config.text("certificate"));
    const auto custodian_key = beside(file, config.text("custodian_key"));
    out.node.data_folder = beside(file, config.text("data"));
    if (const auto guard = config.optional_text("vote_guard")) out.node.guard_file = beside(file, *guard);
    out.node.peer_listen = address_of(config, "peer_listen");
    out.node.gateway_listen = address_of(config, "gateway_listen");
    if (config.has("peers"))
        for (auto& peer : config.sections("peers", kMaxPeers))
            out.node.peers.push_back({.name = peer.text("name", 64), .address = address_of(peer, "address")});
    FS_TRY(config.finish());
    FS_ASSIGN(out.node.genesis, base::read_file(genesis, kMaxGenesisBytes));
    FS_ASSIGN(out.node.key, identity::crypto::SigningKey::load(key));
    FS_ASSIGN(out.node.certificate_chain, read_pem(certificate));
    FS_ASSIGN(out.trusted_roots, read_pem(roots));
    FS_ASSIGN(out.custodian_key, identity::crypto::SigningKey::load(custodian_key));
    FS_ASSIGN(auto member, identity::msp::MemberCertificate::from_pem(out.node.certificate_chain));
    out.member = {.key = out.node.key, .did = {}, .certificate = std::move(member.der)};
    return out;
}

}  // namespace fairstream::network
