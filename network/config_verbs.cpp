#include "network/config_verbs.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <charconv>

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "base/file.hpp"
#include "identity/msp/organisation_ca.hpp"
#include "ledger/proto/wire.hpp"
#include "network/config_submission.hpp"

namespace fairstream::network {

namespace fs = std::filesystem;
namespace proto = ledger::proto;
using marketplace_dapp::cli::Answer;
using marketplace_dapp::cli::Command;
using marketplace_dapp::cli::Session;

namespace {

constexpr std::size_t kMaxUpdateBytes = 1u << 20;

struct Values {
    fs::path file;
    fs::path out = "change.bin";
    fs::path admin;
    std::string organisation;
    std::vector<std::string> ca_files, custodians, node_files, removed_nodes, removed_organisations, limits;
    std::uint32_t endorsing = 0;
    std::uint32_t threshold = 0;
};

std::string end_of(const std::string& der, bool ca) {
    if (ca) {
        const auto certificate = identity::msp::ca_from_der(as_bytes(der));
        return certificate ? base::to_rfc3339(certificate->not_after) : "unreadable";
    }
    const auto certificate = identity::msp::MemberCertificate::from_der(as_bytes(der));
    return certificate ? base::to_rfc3339(certificate->not_after) : "unreadable";
}

boost::json::object limits_json(const proto::Limits& limits) {
    boost::json::object out;
    const auto* const type = proto::Limits::descriptor();
    for (int i = 0; i < type->field_count(); ++i)
        out[type->field(i)->name()] = limits.GetReflection()->GetUInt32(limits, type->field(i));
    return out;
}

boost::json::object to_json(const ledger::contract::Channel& channel) {
    const auto& config = channel.config();
    boost::json::array organisations, nodes;
    for (const auto& entry : config.organisations())
        organisations.push_back(boost::json::object{{"name", entry.name()},
                                                    {"custodian_key", base::to_hex(as_bytes(entry.custodian_key()))},
                                                    {"ca_until", end_of(entry.ca_certificate(), /*ca=*/true)}});
    for (const auto& entry : config.nodes())
        nodes.push_back(boost::json::object{{"name", entry.name()},
                                            {"organisation", entry.organisation()},
                                            {"peer_address", entry.peer_address()},
                                            {"gateway_address", entry.gateway_address()},
                                            {"certificate_until", end_of(entry.certificate(), /*ca=*/false)}});
    return {{"channel", config.channel()},
            {"epoch", config.epoch()},
            {"created_at", base::to_rfc3339(base::from_us(config.created_at_us()))},
            {"endorsing_organisations", channel.endorsing_organisations()},
            {"custody_threshold", config.custody_threshold()},
            {"organisations", std::move(organisations)},
            {"nodes", std::move(nodes)},
            {"limits", limits_json(config.limits())}};
}

std::string to_text(const ledger::contract::Channel& channel) {
    const auto& config = channel.config();
    auto text = fmt::format("channel {}, config epoch {} of {}\n", config.channel(), config.epoch(),
                            base::to_rfc3339(base::from_us(config.created_at_us())));
    text +=
        fmt::format("{} organisations endorse, {} approve a change, {} custodians open a key; quorum {} of {} nodes\n",
                    channel.endorsing_organisations(), channel.approvals_needed(), config.custody_threshold(),
                    channel.quorum(), channel.nodes().size());
    for (const auto& entry : config.organisations())
        text += fmt::format("  organisation {:<16} CA until {}\n", entry.name(),
                            end_of(entry.ca_certificate(), /*ca=*/true));
    for (const auto& entry : config.nodes())
        text += fmt::format("  node {:<24} of {:<16} until {} {}\n", entry.name(), entry.organisation(),
                            end_of(entry.certificate(), /*ca=*/false), entry.peer_address());
    for (const auto& [name, value] : limits_json(config.limits()))
        text += fmt::format("  {:<26} {}\n", std::string(name), value.to_number<std::uint64_t>());
    return text;
}

Result<Answer> run_show(const Session& session) {
    ConfigSubmission network(session.network);
    FS_ASSIGN(const auto channel, network.in_force());
    return Answer{.json = to_json(*channel), .text = to_text(*channel)};
}

/// "name=value".
Result<std::pair<std::string, std::string>> split(const std::string& text, std::string_view what) {
    const auto at = text.find('=');
    if (at == std::string::npos || at == 0) return fail("bad_arguments", fmt::format("'{}' is not {}", text, what));
    return std::pair(text.substr(0, at), text.substr(at + 1));
}

Result<ConfigChanges> changes_of(const Values& v) {
    ConfigChanges changes;
    for (const auto& file : v.ca_files) changes.organisations.emplace_back(file);
    for (const auto& text : v.custodians) {
        FS_ASSIGN(auto pair, split(text, "ORGANISATION=KEY (66 hex digits, from `config key`)"));
        changes.custodian_keys.insert(std::move(pair));
    }
    for (const auto& text : v.node_files) {  // FILE[,PEER_ADDRESS[,GATEWAY_ADDRESS]]
        const auto first = text.find(',');
        const auto second = first == std::string::npos ? first : text.find(',', first + 1);
        changes.nodes.push_back(
            {.certificate = text.substr(0, first),
             .peer_address = first == std::string::npos ? "" : text.substr(first + 1, second - first - 1),
             .gateway_address = second == std::string::npos ? "" : text.substr(second + 1)});
    }
    changes.removed_nodes = v.removed_nodes;
    changes.removed_organisations = v.removed_organisations;
    for (const auto& text : v.limits) {
        FS_ASSIGN(const auto pair, split(text, "LIMIT=NUMBER"));
        std::uint32_t value = 0;
        const auto* const end = pair.second.data() + pair.second.size();
        if (std::from_chars(pair.second.data(), end, value).ptr != end || pair.second.empty())
            return fail("bad_arguments", fmt::format("'{}' is not LIMIT=NUMBER", text));
        changes.limits[pair.first] = value;
    }
    if (v.endorsing != 0) changes.endorsing_organisations = v.endorsing;
    if (v.threshold != 0) changes.custody_threshold = v.threshold;
    if (changes.empty())
        return fail("bad_arguments", "nothing is to be changed: see `fairstream config propose --help`");
    return changes;
}

/// What a change amounts to, and who has approved it.
Result<Answer> describe(const ledger::contract::Channel& now, const proto::ConfigUpdate& update, const fs::path& file) {
    FS_ASSIGN(const auto next, now.successor(as_bytes(update.config())));
    boost::json::array changes, approvals;
    auto text = fmt::format("{}: config epoch {} of channel {}\n", file.string(), next->epoch(), next->name());
    for (const auto& line : describe_change(now.config(), next->config())) {
        changes.push_back(boost::json::string(line));
        text += "  " + line + "\n";
    }
    for (const auto& approval : update.approvals()) {
        FS_ASSIGN(const auto by, now.check_approval(as_bytes(update.config()), approval, base::wall_now()));
        approvals.push_back(boost::json::string(by));
        text += "  approved by " + by + "\n";
    }
    text += fmt::format("  {} of {} approvals\n", update.approvals_size(), now.approvals_needed());
    return Answer{.json = {{"file", file.string()},
                           {"epoch", next->epoch()},
                           {"changes", std::move(changes)},
                           {"approved_by", std::move(approvals)},
                           {"approvals_needed", now.approvals_needed()}},
                  .text = std::move(text)};
}

Result<proto::ConfigUpdate> read_update(const fs::path& file) {
    FS_ASSIGN(const auto bytes, base::read_file(file, kMaxUpdateBytes));
    return proto::decode<proto::ConfigUpdate>(bytes);
}

Result<Answer> run_propose(const Session& session, const Values& v) {
    FS_ASSIGN(const auto changes, changes_of(v));
    ConfigSubmission network(session.network);
    FS_ASSIGN(const auto now, network.in_force());
    FS_ASSIGN(const auto update, propose_change(*now, changes, base::wall_now()));
    FS_TRY(base::write_file(v.out, proto::encode(update)));
    return describe(*now, update, v.out);
}

Result<Answer> run_sign(const Session& session, const Values& v) {
    ConfigSubmission network(session.network);
    FS_ASSIGN(const auto now, network.in_force());
    FS_ASSIGN(auto update, read_update(v.file));
    const auto admin = v.admin.empty() ? session.network / v.organisation / "admin" : v.admin;
    FS_TRY(approve_with(update, now->name(), admin));
    FS_ASSIGN(auto answer, describe(*now, update, v.file));  // refuses what could not be submitted
    FS_TRY(base::write_file(v.file, proto::encode(update)));
    return answer;
}

Result<Answer> run_submit(const Session& session, const Values& v) {
    ConfigSubmission network(session.network);
    FS_ASSIGN(const auto update, read_update(v.file));
    FS_ASSIGN(const auto commit, network.submit(update));
    return Answer{.json = {{"block", commit.block},
                           {"in_force_from", commit.block + 1},
                           {"transaction_id", base::to_hex(commit.transaction_id)}},
                  .text = fmt::format("in force from block {}\n", commit.block + 1)};
}

Result<Answer> run_key(const Values& v) {
    FS_ASSIGN(const auto key, identity::crypto::SigningKey::load(v.file));
    const auto hex = base::to_hex(key.public_key().compressed());
    return Answer{.json = {{"public_key", hex}}, .text = hex + "\n"};
}

CLI::App* verb(CLI::App& group, const char* name, const char* help, const char* footer) {
    auto* sub = group.add_subcommand(name, help);
    sub->fallthrough();
    sub->footer(footer);
    return sub;
}

void add_propose(CLI::App& group, Session& session, Command& chosen, const std::shared_ptr<Values>& v) {
    auto* sub =
        verb(group, "propose", "Write a change of the config in force into a file, for admins to sign",
             "Example:\n  fairstream config propose --remove-node node1.org4 --limit max_block_transactions=500 "
             "-o change.bin --network D");
    sub->add_option("-o,--out", v->out, "The file")->capture_default_str();
    sub->add_option("--organisation", v->ca_files,
                    "CA certificate (PEM) of an organisation to add or to give a new CA");
    sub->add_option("--custodian", v->custodians, "ORGANISATION=KEY: a custodian's public key, from `config key`");
    sub->add_option("--node", v->node_files,
                    "CERTIFICATE[,PEER_ADDRESS[,GATEWAY_ADDRESS]]: a node to add or to replace");
    sub->add_option("--remove-node", v->removed_nodes, "A node's name");
    sub->add_option("--remove-organisation", v->removed_organisations, "An organisation, with its nodes");
    sub->add_option("--limit", v->limits, "LIMIT=NUMBER, as `config show` names it");
    sub->add_option("--endorsing", v->endorsing, "How many organisations must endorse: above half of them");
    sub->add_option("--custody-threshold", v->threshold, "How many custodians open a key: above half of them");
    sub->callback([v, &session, &chosen] { chosen = [v, &session] { return run_propose(session, *v); }; });
}

}  // namespace

void add_config_verbs(CLI::App& app, Session& session, Command& chosen) {
    auto v = std::make_shared<Values>();
    auto* group = app.add_subcommand("config", "The channel config that the organisations agree on, and changes of it");
    group->fallthrough();
    group->require_subcommand(1);
    verb(*group, "show", "The config in force", "Example:\n  fairstream config show --network D")
        ->callback([&session, &chosen] { chosen = [&session] { return run_show(session); }; });
    add_propose(*group, session, chosen, v);

    auto* sign = verb(*group, "sign", "Add an admin's approval to a change, after showing what it is",
                      "Example:\n  fairstream config sign change.bin --admin D/org1/admin --network D");
    sign->add_option("file", v->file, "From `config propose`")->required()->check(CLI::ExistingFile);
    auto* folder = sign->add_option("--admin", v->admin, "Folder with admin.key and admin.pem");
    sign->add_option("--organisation", v->organisation, "Of this one-machine network, whose admin signs")
        ->excludes(folder);
    sign->callback([v, &session, &chosen] { chosen = [v, &session] { return run_sign(session, *v); }; });

    auto* submit = verb(*group, "submit", "Submit a change that admins of a majority have signed",
                        "Example:\n  fairstream config submit change.bin --network D");
    submit->add_option("file", v->file, "From `config sign`")->required()->check(CLI::ExistingFile);
    submit->callback([v, &session, &chosen] { chosen = [v, &session] { return run_submit(session, *v); }; });

    auto* key = verb(*group, "key", "The public key of a custodian's key file",
                     "Example:\n  fairstream config key "
                     "D/org1/custodian.key");
    key->add_option("file", v->file, "Private key (PEM)")->required()->check(CLI::ExistingFile);
    key->callback([v, &chosen] { chosen = [v] { return run_key(*v); }; });
}

}  // namespace fairstream::network
