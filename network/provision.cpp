#include "network/provision.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <functional>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "identity/crypto/keys.hpp"
#include "identity/msp/organisation_ca.hpp"
#include "ledger/proto/ledger.pb.h"
#include "mqtt_bridge/operator/mosquitto_config.hpp"
#include "network/process.hpp"

namespace fairstream::network {

namespace fs = std::filesystem;
using identity::crypto::SigningKey;
using identity::msp::CertificateRequest;
using identity::msp::OrganisationCa;
using identity::msp::Role;
using identity::msp::Validity;
using namespace std::chrono_literals;

namespace {

constexpr auto kCaLife = 24h * 365 * 10;
constexpr auto kMemberLife = 24h * 365;

Validity valid_for(std::chrono::hours life) {
    const auto now = base::wall_now();
    return {.from = now - 5min, .until = now + life};
}

CertificateRequest member_request(Role role, const std::string& name, const SigningKey& key) {
    return {.role = role,
            .name = name,
            .key = key.public_key(),
            .dns_names = {name, "localhost"},
            .ip_names = {"127.0.0.1"},
            .validity = valid_for(kMemberLife)};
}

/// A key and the certificate its organisation's CA gives it: <folder>/<file>.key (0600) and <folder>/<file>.pem.
Result<identity::msp::MemberCertificate> make_member(const OrganisationCa& ca, Role role, const std::string& name,
                                                     const fs::path& folder, const std::string& file) {
    fs::create_directories(folder);
    const auto key = SigningKey::generate();
    FS_TRY(key.save(folder / (file + ".key")));
    FS_ASSIGN(auto certificate, ca.issue(member_request(role, name, key)));
    FS_TRY(base::write_file(folder / (file + ".pem"), as_bytes(certificate.to_pem())));
    return certificate;
}

/// Another certificate for <file>.key, in <file>.pem.
Status renew_member(const Layout& layout, const std::string& organisation, Role role, const std::string& name,
                    const fs::path& file) {
    FS_ASSIGN(const auto ca, OrganisationCa::load(layout.organisation_folder(organisation) / "ca"));
    FS_ASSIGN(const auto key, SigningKey::load(file.string() + ".key"));
    FS_ASSIGN(const auto certificate, ca.issue(member_request(role, name, key)));
    return base::write_file(file.string() + ".pem", as_bytes(certificate.to_pem()));
}

std::string to_wire(ByteView bytes) {
    return std::string(as_text(bytes));
}

/// CA, admin and custodian of one organisation; its entry in the genesis config.
Result<OrganisationCa> make_organisation(const Layout& layout, const std::string& organisation,
                                         ledger::proto::ChannelConfig& genesis, std::string& roots) {
    const auto folder = layout.organisation_folder(organisation);
    fs::create_directories(folder / "ca");
    fs::permissions(folder, fs::perms::owner_all);
    FS_ASSIGN(auto ca, OrganisationCa::create(organisation, valid_for(kCaLife)));
    FS_TRY(ca.save(folder / "ca"));
    FS_TRY(make_member(ca, Role::kAdmin, "admin." + organisation, folder / "admin", "admin"));
    const auto custodian = SigningKey::generate();
    FS_TRY(custodian.save(folder / "custodian.key"));

    auto* entry = genesis.add_organisations();
    entry->set_name(organisation);
    entry->set_ca_certificate(to_wire(ca.certificate_der()));
    entry->set_custodian_key(to_wire(custodian.public_key().compressed()));
    roots += ca.certificate_pem();
    return ca;
}

void set_limits(ledger::proto::Limits& limits) {
    limits.set_max_block_transactions(1'000);
    limits.set_max_block_bytes(8u << 20);
    limits.set_max_transaction_bytes(2u << 20);
    limits.set_block_interval_ms(2);
    limits.set_seal_after_ms(50);
    limits.set_round_timeout_ms(500);
    limits.set_max_round_timeout_ms(10'000);
    limits.set_snapshot_interval_blocks(10'000);
}

Status make_members(const Layout& layout, const std::string& organisation, const OrganisationCa& ca,
                    ledger::proto::ChannelConfig& genesis) {
    for (const auto& node : layout.nodes) {
        if (node.organisation != organisation) continue;
        FS_ASSIGN(auto certificate, make_member(ca, Role::kNode, node.name, node.folder, "node"));
        auto* entry = genesis.add_nodes();
        entry->set_name(node.name);
        entry->set_organisation(organisation);
        entry->set_certificate(to_wire(certificate.der));
    }
    for (const auto& storage : layout.operators) {
        if (storage.organisation != organisation) continue;
        FS_TRY(make_member(ca, Role::kTls, storage.name, storage.folder, "tls"));
        FS_TRY(SigningKey::generate().save(storage.folder / "operator.key"));
    }
    return {};
}

std::string other_keys_line(const fs::path& organisation_folder) {
    std::string names;
    for (const auto& key : other_custodian_keys(organisation_folder))
        names += (names.empty() ? "" : ", ") + ("../" + key.filename().string());
    return names.empty() ? "" : "other_custodian_keys: [" + names + "]\n";
}

Status write_node_config(const Layout& layout, const NodePlace& node) {
    std::string text = fmt::format(
        "# One ledger node. Paths are relative to this file.\n"
        "name: {}\norganisation: {}\ngenesis: ../genesis.bin\nroots: ../roots.pem\nkey: node.key\ncertificate: "
        "node.pem\n"
        "custodian_key: ../custodian.key\ndata: data\npeer_listen: {}:{}\ngateway_listen: "
        "127.0.0.1:{}\noperations_listen: 127.0.0.1:{}\n{}peers:\n",
        node.name, node.organisation, node.peer_host, node.peer_port, node.gateway_port, node.operations_port,
        (node.joined ? "joining: true  # it does not stand in the genesis config\n" : "") +
            other_keys_line(layout.organisation_folder(node.organisation)));
    for (const auto& peer : layout.nodes)
        if (peer.name != node.name)
            text += fmt::format("  - name: {}\n    address: {}:{}\n", peer.name, peer.peer_host, peer.peer_port);
    if (layout.nodes.size() == 1) text = text.substr(0, text.rfind("peers:\n"));
    return base::write_file(node.folder / "node.yaml", as_bytes(text));
}

Status write_operator_config(const Layout& layout, const OperatorPlace& storage) {
    std::string text = fmt::format(
        "# One storage operator. Paths are relative to this file.\n"
        "name: {}\norganisation: {}\nnetwork: {}\nroots: ../roots.pem\nkey: operator.key\ntls_key: tls.key\n"
        "tls_certificate: tls.pem\ndata: data\ngate_socket: gate.sock\nhttps_listen: 127.0.0.1:{}\n"
        "mqtts_listen: 127.0.0.1:{}\ngateways:\n",
        storage.name, storage.organisation, layout.topology.name, storage.https_port, storage.mqtts_port);
    // The own organisation's nodes: an operator takes no other organisation's word.
    for (const auto& node : layout.nodes)
        if (node.organisation == storage.organisation)
            text += fmt::format("  - name: {}\n    address: 127.0.0.1:{}\n", node.name, node.gateway_port);
    return base::write_file(storage.folder / "operator.yaml", as_bytes(text));
}

Status write_broker_config(const Layout& layout, const OperatorPlace& storage) {
    const auto text = mqtt_bridge::storage_operator::mosquitto_config(
        {.port = storage.mqtts_port,
         .certificate = storage.folder / "tls.pem",
         .private_key = storage.folder / "tls.key",
         .trusted_roots = layout.organisation_folder(storage.organisation) / "roots.pem",
         .plugin = program_folder() / "libfairstream_gate.so",
         .gate_socket = storage.folder / "gate.sock",
         .operator_name = storage.name,
         .root = ::getuid() == 0});
    return base::write_file(storage.folder / "mosquitto.conf", as_bytes(text));
}

std::string gateways_of(const Layout& layout, const std::function<bool(const NodePlace&)>& wanted) {
    std::string text;
    for (const auto& node : layout.nodes)
        if (wanted(node))
            text += fmt::format("  - name: {}\n    address: 127.0.0.1:{}\n", node.name, node.gateway_port);
    return text;
}

/// As a YAML string.
std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + "\"";
}

Status write_dapp_config(const Layout& layout) {
    const auto& dapp = layout.dapp;
    const auto own = [&](const NodePlace& node) { return node.organisation == dapp.organisation; };
    auto text = fmt::format(
        "# The marketplace server. Paths are relative to this file.\n"
        "name: {}\norganisation: {}\nnetwork: {}\nroots: roots.pem\nkey: dapp.key\ntls_key: "
        "tls.key\ntls_certificate: tls.pem\nhttps_listen: 127.0.0.1:{}\ndatabase: {}\n"
        "# Of one address. This machine's clients all have the same.\nreads_per_second: 20000\n"
        "writes_per_second: 2000\n"
        "# The read model follows the own organisation's nodes; transactions may go to any.\ngateways:\n{}",
        dapp.name, dapp.organisation, layout.topology.name, dapp.https_port, quoted(connection_string(dapp.postgres())),
        gateways_of(layout, own));
    const auto others = gateways_of(layout, [&](const NodePlace& node) { return !own(node); });
    if (!others.empty()) text += "other_gateways:\n" + others;
    return base::write_file(dapp.folder / "dapp.yaml", as_bytes(text));
}

}  // namespace

std::vector<fs::path> other_custodian_keys(const fs::path& organisation_folder) {
    std::vector<fs::path> keys;
    for (int number = 1;; ++number) {
        auto file = organisation_folder / fmt::format("custodian-{}.key", number);
        if (!fs::exists(file)) return keys;
        keys.push_back(std::move(file));
    }
}

Status provision_node(const Layout& layout, const NodePlace& node) {
    const auto folder = layout.organisation_folder(node.organisation);
    if (!fs::exists(folder / "ca")) {
        ledger::proto::ChannelConfig entry;
        std::string own_root;
        FS_TRY(make_organisation(layout, node.organisation, entry, own_root));
        FS_ASSIGN(const auto known, base::read_file(layout.public_folder() / "roots.pem"));
        FS_ASSIGN(const auto genesis, base::read_file(layout.public_folder() / "genesis.bin"));
        const auto roots = base::to_string(known) + own_root;
        for (const auto& reader : {layout.public_folder(), folder})
            FS_TRY(base::write_file(reader / "roots.pem", as_bytes(roots)));
        FS_TRY(base::write_file(folder / "genesis.bin", genesis));
    }
    if (fs::exists(node.folder / "node.pem")) return {};  // a second attempt
    FS_ASSIGN(const auto ca, OrganisationCa::load(folder / "ca"));
    FS_TRY(make_member(ca, Role::kNode, node.name, node.folder, "node"));
    return {};
}

Status renew_node_certificate(const Layout& layout, const NodePlace& node) {
    return renew_member(layout, node.organisation, Role::kNode, node.name, node.folder / "node");
}

Status renew_tls_certificate(const Layout& layout, const std::string& organisation, const std::string& name,
                             const fs::path& folder) {
    return renew_member(layout, organisation, Role::kTls, name, folder / "tls");
}

Status provision_dapp(const Layout& layout) {
    const auto& folder = layout.dapp.folder;
    FS_TRY(check_place(layout.dapp.postgres()));
    fs::create_directories(folder);
    if (!fs::exists(folder / "dapp.key")) FS_TRY(SigningKey::generate().save(folder / "dapp.key"));
    if (fs::exists(folder / "tls.pem")) return {};
    fs::permissions(folder, fs::perms::owner_all);
    FS_ASSIGN(const auto roots, base::read_file(layout.public_folder() / "roots.pem"));
    FS_TRY(base::write_file(folder / "roots.pem", roots));
    FS_ASSIGN(const auto ca, OrganisationCa::load(layout.organisation_folder(layout.dapp.organisation) / "ca"));
    FS_TRY(make_member(ca, Role::kTls, layout.dapp.name, folder, "tls"));
    return {};
}

Status provision(const Layout& layout) {
    ledger::proto::ChannelConfig genesis;
    genesis.set_channel(layout.topology.name);
    genesis.set_epoch(1);
    genesis.set_custody_threshold(layout.topology.organisations / 2 + 1);
    genesis.set_created_at_us(base::to_us(base::wall_now()));
    set_limits(*genesis.mutable_limits());
    std::string roots;
    for (const auto& organisation : layout.organisations) {
        FS_ASSIGN(auto ca, make_organisation(layout, organisation, genesis, roots));
        FS_TRY(make_members(layout, organisation, ca, genesis));
    }
    fs::create_directories(layout.public_folder());
    std::vector<fs::path> readers{layout.public_folder()};
    for (const auto& organisation : layout.organisations) readers.push_back(layout.organisation_folder(organisation));
    const auto genesis_bytes = genesis.SerializeAsString();
    for (const auto& folder : readers) {
        FS_TRY(base::write_file(folder / "genesis.bin", as_bytes(genesis_bytes)));
        FS_TRY(base::write_file(folder / "roots.pem", as_bytes(roots)));
    }
    fs::create_directories(layout.keys_folder());
    fs::permissions(layout.keys_folder(), fs::perms::owner_all);
    FS_TRY(SigningKey::generate().save(layout.keys_folder() / "issuer1.key"));
    return layout.topology.save(layout.dir);  // last: its presence says that the folder is whole
}

Status write_configs(const Layout& layout) {
    for (const auto& node : layout.nodes) FS_TRY(write_node_config(layout, node));
    for (const auto& storage : layout.operators) {
        FS_TRY(write_operator_config(layout, storage));
        FS_TRY(write_broker_config(layout, storage));
    }
    FS_TRY(write_dapp_config(layout));
    std::string text = fmt::format(
        "# What a client needs to reach this network.\nnetwork: {}\nroots: roots.pem\n"
        "dapp: https://127.0.0.1:{}\ngateways:\n",
        layout.topology.name, layout.dapp.https_port);
    for (const auto& node : layout.nodes)
        text += fmt::format("  - name: {}\n    address: 127.0.0.1:{}\n", node.name, node.gateway_port);
    return base::write_file(layout.public_folder() / "network.yaml", as_bytes(text));
}

}  // namespace fairstream::network
