#include "network/verbs.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>

#include "base/file.hpp"
#include "network/demo.hpp"
#include "network/membership.hpp"
#include "network/renewal.hpp"
#include "network/status.hpp"
#include "network/supervisor.hpp"

namespace fairstream::network {

namespace fs = std::filesystem;
using marketplace_dapp::cli::Answer;
using marketplace_dapp::cli::Command;
using marketplace_dapp::cli::Session;

namespace {

constexpr std::size_t kMaxLogBytes = 256u << 20;

struct Values {
    UpOptions up;
    DemoOptions demo;
    std::string process;
    std::string member;  // a node, an organisation, an operator, the DApp
    unsigned lines = 20;
    int report_fd = -1;
};

Result<Answer> run_up(const Session& session, UpOptions options) {
    options.dir = fs::absolute(session.network).lexically_normal();
    FS_TRY(up(options, [&](const std::string& line) {
        if (!session.json) std::cerr << line << std::endl;
    }));
    FS_ASSIGN(const auto now, network_status(options.dir));
    return Answer{.json = now.to_json(), .text = now.to_text()};
}

Result<Answer> run_down(const Session& session) {
    FS_TRY(down(fs::absolute(session.network)));
    return Answer{.json = {{"stopped", true}}, .text = "stopped; the data stay in " + session.network.string()};
}

Result<Answer> run_status(const Session& session) {
    FS_ASSIGN(const auto now, network_status(fs::absolute(session.network)));
    return Answer{.json = now.to_json(), .text = now.to_text()};
}

Result<Answer> run_logs(const Session& session, const Values& values) {
    FS_ASSIGN(const auto now, network_status(fs::absolute(session.network)));
    Answer answer;
    for (const auto& process : now.processes) {
        if (process.log.empty() || (!values.process.empty() && process.name != values.process)) continue;
        FS_ASSIGN(const auto bytes, base::read_file(process.log, kMaxLogBytes));
        std::string_view text = as_text(bytes);
        std::size_t from = text.size();
        for (unsigned n = 0; n <= values.lines && from != std::string_view::npos && from > 0; ++n)
            from = text.rfind('\n', from - 1);
        const auto tail = std::string(from == std::string_view::npos || from == 0 ? text : text.substr(from + 1));
        answer.json[process.name] = tail;
        answer.text += fmt::format("== {} ({})\n{}", process.name, process.log.string(), tail);
    }
    if (answer.json.empty())
        return fail("not_found", values.process.empty()
                                     ? "no process has written a log yet; is the network running?"
                                     : "no process '" + values.process + "' in this network's status");
    return answer;
}

Result<Answer> run_demo(const DemoOptions& options) {
    FS_TRY(demo(options));
    return Answer{.json = {{"held", true}}, .text = ""};
}

void add_up(CLI::App& group, Session& session, Command& chosen, const std::shared_ptr<Values>& v) {
    auto* sub = group.add_subcommand("up", "Start a consortium on this machine, or resume the one in the folder");
    sub->fallthrough();
    sub->footer(
        "Example:\n  fairstream network up --dir D --orgs 4 --nodes-per-org 1 --operators 3\n"
        "On a running network it starts again what has died.");
    auto* orgs = sub->add_option("--orgs", v->up.topology.organisations, "Organisations")
                     ->check(CLI::Range(1, 16))
                     ->capture_default_str();
    auto* nodes = sub->add_option("--nodes-per-org", v->up.topology.nodes_per_org, "Ledger nodes of each")
                      ->check(CLI::Range(1, 4))
                      ->capture_default_str();
    auto* operators = sub->add_option("--operators", v->up.topology.operators, "Storage operators, each with a broker")
                          ->check(CLI::Range(0, 9))
                          ->capture_default_str();
    sub->callback([=, &session, &chosen] {
        v->up.shape_given = orgs->count() + nodes->count() + operators->count() > 0;
        chosen = [v, &session] { return run_up(session, v->up); };
    });
}

void add_simple(CLI::App& group, const char* name, const char* help, Command work, Command& chosen) {
    auto* sub = group.add_subcommand(name, help);
    sub->fallthrough();
    sub->footer(std::string("Example:\n  fairstream network ") + name + " --dir D");
    sub->callback([&chosen, work = std::move(work)] { chosen = work; });
}

Result<Answer> changed(const Session& session, const std::string& text) {
    FS_ASSIGN(const auto now, network_status(fs::absolute(session.network).lexically_normal()));
    auto json = now.to_json();
    json["done"] = text;
    return Answer{.json = std::move(json), .text = text + "\n" + now.to_text()};
}

/// A verb that changes the members of a running network: `work` answers what it did.
void add_change(CLI::App& group, Session& session, Command& chosen, const std::shared_ptr<Values>& v, const char* name,
                const char* help, const char* operand, const char* example,
                std::function<Result<std::string>(const fs::path&, const std::string&, const Progress&)> work) {
    auto* sub = group.add_subcommand(name, help);
    sub->fallthrough();
    sub->footer(std::string("Example:\n  fairstream network ") + name + " " + example + " --dir D");
    sub->add_option(operand, v->member)->required();
    sub->callback([v, &session, &chosen, work = std::move(work)] {
        chosen = [v, &session, work]() -> Result<Answer> {
            const auto progress = [&session](const std::string& line) {
                if (!session.json) std::cerr << line << std::endl;
            };
            FS_ASSIGN(const auto done, work(fs::absolute(session.network).lexically_normal(), v->member, progress));
            return changed(session, done);
        };
    });
}

void add_membership(CLI::App& group, Session& session, Command& chosen, const std::shared_ptr<Values>& v) {
    add_change(group, session, chosen, v, "add-node", "A node joins, with its organisation if that is new",
               "organisation", "org5",
               [](const auto& dir, const auto& organisation, const auto& progress) -> Result<std::string> {
                   FS_ASSIGN(const auto name, add_node(dir, organisation, progress));
                   return name + " has joined";
               });
    add_change(group, session, chosen, v, "remove-node", "A node leaves; its organisation goes with its last one",
               "node", "node1.org5",
               [](const auto& dir, const auto& node, const auto& progress) -> Result<std::string> {
                   FS_TRY(remove_node(dir, node, progress));
                   return node + " has left; its data stay";
               });
    add_change(group, session, chosen, v, "renew-node", "A new certificate for a node's key; it need not be restarted",
               "node", "node1.org1", [](const auto& dir, const auto& node, const auto&) -> Result<std::string> {
                   FS_TRY(renew_node(dir, node));
                   return "the certificate of " + node + " is renewed";
               });
    add_change(group, session, chosen, v, "renew-service",
               "A new certificate for an operator's or the DApp's key; it need not be restarted", "name", "op1",
               [](const auto& dir, const auto& name, const auto&) -> Result<std::string> {
                   FS_TRY(renew_service(dir, name));
                   return "the certificate of " + name + " is renewed";
               });
    add_change(group, session, chosen, v, "new-node-key",
               "Another key for a node that does not run, after its votes are lost", "node", "node1.org1",
               [](const auto& dir, const auto& node, const auto& progress) -> Result<std::string> {
                   FS_TRY(new_node_key(dir, node, progress));
                   return node + " has a new key; `network up` starts it";
               });
    add_change(group, session, chosen, v, "renew-custodian", "A new key for an organisation's custodian",
               "organisation", "org1",
               [](const auto& dir, const auto& organisation, const auto& progress) -> Result<std::string> {
                   FS_TRY(renew_custodian(dir, organisation, progress));
                   return "the custodian of " + organisation + " has a new key, and keeps the old one";
               });
}

}  // namespace

void add_network_verbs(CLI::App& app, Session& session, Command& chosen) {
    auto v = std::make_shared<Values>();
    auto* group = app.add_subcommand("network", "A consortium on this machine");
    group->fallthrough();
    group->require_subcommand(1);
    add_up(*group, session, chosen, v);
    add_simple(
        *group, "down", "Stop it; its data stay", [&session] { return run_down(session); }, chosen);
    add_simple(
        *group, "status", "Every process, and whether it is ready", [&session] { return run_status(session); }, chosen);
    auto* logs = group->add_subcommand("logs", "The last lines of the processes' logs");
    logs->fallthrough();
    logs->footer("Example:\n  fairstream network logs node1.org1 --lines 50 --dir D");
    logs->add_option("process", v->process, "As `status` names it; default: all");
    logs->add_option("--lines", v->lines, "How many")->check(CLI::Range(1, 100'000))->capture_default_str();
    logs->callback([v, &session, &chosen] { chosen = [v, &session] { return run_logs(session, *v); }; });

    add_membership(*group, session, chosen, v);

    auto* supervisor = group->add_subcommand("supervise", "")->group("");  // hidden: what `up` starts
    supervisor->fallthrough();
    supervisor->add_option("--report-fd", v->report_fd)->required();
    supervisor->callback([v, &session, &chosen] {
        chosen = [v, &session]() -> Result<Answer> { std::exit(supervise(session.network, v->report_fd)); };
    });

    auto* show = app.add_subcommand("demo", "A whole consortium and one complete trade, then everything is stopped");
    show->footer("Example:\n  fairstream demo --input readings.csv");
    show->fallthrough();
    show->add_option("--input", v->demo.input, "What is sold; default: this machine's own sensors")
        ->check(CLI::ExistingFile);
    show->add_option("--keep", v->demo.dir, "Use this folder and keep it");
    show->callback([v, &chosen] { chosen = [v] { return run_demo(v->demo); }; });
}

}  // namespace fairstream::network
