#include "network/node_verbs.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <iostream>

#include "base/clock.hpp"
#include "ledger/node/inspection.hpp"
#include "network/expiry.hpp"
#include "network/node_backup.hpp"
#include "network/node_config.hpp"

namespace fairstream::network {

namespace fs = std::filesystem;
using ledger::node::Inspection;
using marketplace_dapp::cli::Answer;
using marketplace_dapp::cli::Command;
using marketplace_dapp::cli::Session;

namespace {

struct Values {
    fs::path config;
    fs::path folder;
};

/// The certificates that the node shows, and whether they last.
void look_at_certificates(const NodeProgramConfig& config, boost::json::object& json, std::string& text,
                          std::vector<std::string>& problems) {
    boost::json::array out;
    for (const auto& pem : {config.node.certificate_chain, config.node.next_certificate_chain}) {
        if (pem.empty()) continue;
        const auto certificate = expiring_certificate(pem);
        if (!certificate) {
            problems.push_back(certificate.error().message);
            continue;
        }
        out.push_back(
            boost::json::object{{"what", certificate->what}, {"until", base::to_rfc3339(certificate->until)}});
        text += fmt::format("{}: until {}\n", certificate->what, base::to_rfc3339(certificate->until));
        if (auto warning = expiry_warning(*certificate, base::wall_now()); !warning.empty())
            problems.push_back(warning);
    }
    json["certificates"] = std::move(out);
}

/// Members that have signed two votes for one place.
void look_at_evidence(const Inspection& found, boost::json::object& json, std::string& text) {
    boost::json::array out;
    for (const auto& one : found.evidence) {
        out.push_back(boost::json::object{
            {"node", one.node}, {"at", to_text(one.at)}, {"config_epoch", one.config_epoch}, {"proven", one.proven}});
        text += fmt::format("two votes of {} for {} in config epoch {}: {}\n", one.node, to_text(one.at),
                            one.config_epoch, one.proven ? "proven" : "not proven");
    }
    json["evidence"] = std::move(out);
}

Answer to_answer(const NodeProgramConfig& config, Inspection found, bool checked) {
    const auto& blocks = found.blocks;
    boost::json::object json{
        {"node", config.node.name},
        {"blocks",
         boost::json::object{
             {"first", blocks.first}, {"last", blocks.last}, {"bytes", blocks.bytes}, {"torn", blocks.torn}}},
        {"state_height", found.state_height},
        {"config_epoch", found.config_epoch},
        {"votes", boost::json::object{{"last", to_text(found.last_vote)},
                                      {"guard", to_text(found.guard)},
                                      {"log_bytes", found.vote_log_bytes}}}};
    auto text = fmt::format(
        "node {}\nblocks {} to {}, {} bytes in {} segments{}\nstate at height {}, config epoch {}\n"
        "votes up to {} (guard: {})\n",
        config.node.name, blocks.first, blocks.last, blocks.bytes, blocks.segments,
        blocks.torn ? ", an unfinished append at the end" : "", found.state_height, found.config_epoch,
        to_text(found.last_vote), to_text(found.guard));
    look_at_certificates(config, json, text, found.problems);
    look_at_evidence(found, json, text);
    if (checked) {
        json["replayed"] = found.replayed;
        text += found.replayed > 0 ? fmt::format("executed again: {} blocks\n", found.replayed)
                                   : "not executed again: the first blocks are not here\n";
    }
    boost::json::array problems;
    for (const auto& problem : found.problems) {
        problems.push_back(boost::json::string(problem));
        text += "problem: " + problem + "\n";
    }
    if (found.problems.empty()) text += "nothing wrong was found\n";
    json["problems"] = std::move(problems);
    return {.json = std::move(json), .text = std::move(text)};
}

Result<Answer> run_inspect(const Session& session, const Values& v, bool check) {
    FS_ASSIGN(const auto config, load_node_config(v.config));
    const auto progress = [&session](std::uint64_t height) {
        if (!session.json) std::cerr << "block " << height << std::endl;
    };
    FS_ASSIGN(auto found, ledger::node::inspect({.data_folder = config.node.data_folder,
                                                 .guard_file = config.node.guard_file,
                                                 .genesis = config.node.genesis,
                                                 .replay = check,
                                                 .progress = progress}));
    if (!check || found.problems.empty()) return to_answer(config, std::move(found), check);
    std::string all;
    for (const auto& problem : found.problems) all += (all.empty() ? "" : "; ") + problem;
    return fail("damaged", all);
}

Answer summary(const BackupSummary& done, const std::string& what) {
    return {
        .json = {{"files", done.files}, {"bytes", done.bytes}, {"height", done.height}},
        .text = fmt::format("{}: {} files, {} bytes, blocks up to {}\n", what, done.files, done.bytes, done.height)};
}

Result<Answer> run_backup(const Values& v) {
    FS_ASSIGN(const auto config, load_node_config(v.config));
    FS_ASSIGN(const auto done, back_up(config, v.folder));
    return summary(done, "backed up, without vote key, vote log and guard");
}

Result<Answer> run_restore(const Values& v) {
    FS_ASSIGN(const auto config, load_node_config(v.config));
    FS_ASSIGN(const auto done, restore(config, v.folder));
    auto answer = summary(done, "restored");
    answer.text +=
        "have the consortium list the node's new certificate (`fairstream config propose --node`), then start it "
        "with `joining: true`\n";
    return answer;
}

CLI::App* verb(CLI::App& group, const std::shared_ptr<Values>& v, const char* name, const char* help) {
    auto* sub = group.add_subcommand(name, help);
    sub->fallthrough();
    sub->footer(fmt::format("Example:\n  fairstream node {} --config D/org1/node1/node.yaml{}", name,
                            std::string_view(name) == "backup"    ? " --to BACKUP"
                            : std::string_view(name) == "restore" ? " --from BACKUP"
                                                                  : ""));
    sub->add_option("--config", v->config, "The node's node.yaml")->required()->check(CLI::ExistingFile);
    return sub;
}

}  // namespace

void add_node_verbs(CLI::App& app, Session& session, Command& chosen) {
    auto v = std::make_shared<Values>();
    auto* group = app.add_subcommand("node", "The files of a ledger node that does not run");
    group->fallthrough();
    group->require_subcommand(1);
    verb(*group, v, "inspect", "What lies there: blocks, state, votes, evidence, certificates; changes nothing")
        ->callback([v, &session, &chosen] { chosen = [v, &session] { return run_inspect(session, *v, false); }; });
    verb(*group, v, "check",
         "The same, every certificate checked and every block executed again; fails if anything is wrong")
        ->callback([v, &session, &chosen] { chosen = [v, &session] { return run_inspect(session, *v, true); }; });
    auto* backup = verb(*group, v, "backup", "Copy what can be restored: not the vote key, nor its log and guard");
    backup->add_option("--to", v->folder, "An empty folder, or none yet")->required();
    backup->callback([v, &chosen] { chosen = [v] { return run_backup(*v); }; });
    auto* restored = verb(*group, v, "restore", "Put a backup back, for a node with a new key");
    restored->add_option("--from", v->folder, "From `node backup`")->required()->check(CLI::ExistingDirectory);
    restored->callback([v, &chosen] { chosen = [v] { return run_restore(*v); }; });
}

}  // namespace fairstream::network
