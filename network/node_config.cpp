#include "network/node_config.hpp"

#include "base/config.hpp"
#include "base/file.hpp"
#include "identity/msp/certificate.hpp"
#include "marketplace_dapp/client/profile.hpp"
#include "network/program.hpp"

namespace fairstream::network {

namespace {

constexpr std::size_t kMaxPeers = 255;
constexpr std::size_t kMaxOtherKeys = 16;
constexpr std::size_t kMaxGenesisBytes = 4u << 20;
constexpr std::uint64_t kMaxSnapshots = 1000;
constexpr std::uint64_t kMaxBlocks = 1ULL << 48;

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
    out.file = file;
    out.node.name = config.text("name", 64);
    out.organisation = config.text("organisation", 64);
    const auto genesis = beside(file, config.text("genesis"));
    const auto roots = beside(file, config.text("roots"));
    const auto key = beside(file, config.text("key"));
    const auto certificate = beside(file, config.text("certificate"));
    const auto custodian_key = beside(file, config.text("custodian_key"));
    if (config.has("other_custodian_keys"))
        for (const auto& other : config.texts("other_custodian_keys", kMaxOtherKeys)) {
            FS_ASSIGN(auto held, identity::crypto::SigningKey::load(beside(file, other)));
            out.other_custodian_keys.push_back(std::move(held));
        }
    const auto next_key = config.optional_text("next_key");
    const auto next_certificate = config.optional_text("next_certificate");
    if (next_key.has_value() != next_certificate.has_value())
        config.reject(next_key ? "next_key" : "next_certificate", "next_key and next_certificate belong together");
    out.node.joining = config.flag_or("joining", false);
    out.node.data_folder = beside(file, config.text("data"));
    if (const auto guard = config.optional_text("vote_guard")) out.node.guard_file = beside(file, *guard);
    out.node.peer_listen = address_of(config, "peer_listen");
    out.node.gateway_listen = address_of(config, "gateway_listen");
    if (config.has("operations_listen")) out.operations_listen = address_of(config, "operations_listen");
    auto traces = read_traces(config, file, roots);
    if (config.has("peers"))
        for (auto& peer : config.sections("peers", kMaxPeers))
            out.node.peers.push_back({.name = peer.text("name", 64), .address = address_of(peer, "address")});
    if (const auto folder = config.optional_text("genesis_snapshot")) out.node.genesis_snapshot = beside(file, *folder);
    out.node.retain_snapshots = config.integer_or("retain_snapshots", out.node.retain_snapshots, 1, kMaxSnapshots);
    out.node.retain_blocks = config.integer_or("retain_blocks", out.node.retain_blocks, 0, kMaxBlocks);
    out.node.join_above = config.integer_or("join_above", out.node.join_above, 0, kMaxBlocks);
    FS_TRY(config.finish());
    FS_ASSIGN(out.node.genesis, base::read_file(genesis, kMaxGenesisBytes));
    FS_ASSIGN(out.node.key, identity::crypto::SigningKey::load(key));
    FS_ASSIGN(out.node.certificate_chain, read_pem(certificate));
    out.certificate_file = certificate;
    if (next_key) {
        FS_ASSIGN(out.node.next_key, identity::crypto::SigningKey::load(beside(file, *next_key)));
        FS_ASSIGN(out.node.next_certificate_chain, read_pem(beside(file, *next_certificate)));
    }
    FS_ASSIGN(out.trusted_roots, read_pem(roots));
    FS_ASSIGN(out.traces, std::move(traces));
    FS_ASSIGN(out.custodian_key, identity::crypto::SigningKey::load(custodian_key));
    FS_ASSIGN(auto member, identity::msp::MemberCertificate::from_pem(out.node.certificate_chain));
    out.member = {.key = out.node.key, .did = {}, .certificate = std::move(member.der)};
    return out;
}

}  // namespace fairstream::network
