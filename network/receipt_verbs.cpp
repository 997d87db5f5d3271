#include "network/receipt_verbs.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "base/file.hpp"
#include "ledger/client/client.hpp"
#include "ledger/receipt/receipt.hpp"
#include "marketplace_dapp/client/profile.hpp"

namespace fairstream::network {

using marketplace_dapp::cli::Answer;
using marketplace_dapp::cli::Command;
using marketplace_dapp::cli::Session;
namespace proto = ledger::proto;

namespace {

constexpr std::size_t kMaxGenesisBytes = 4u << 20;

struct Values {
    std::string transaction;
    std::filesystem::path file;
    std::filesystem::path genesis;
};

Result<Answer> run_get(const Session& session, const Values& values) {
    FS_ASSIGN(const auto id, base::from_hex(values.transaction));
    FS_ASSIGN(const auto profile, marketplace_dapp::client::Profile::load(session.network));
    base::net::Loop loop;
    loop.start();
    ledger::client::Client client(loop, profile.ledger_options());
    FS_ASSIGN(const auto receipt, client.receipt(id));
    const auto file = values.file.empty() ? std::filesystem::path(values.transaction + ".receipt") : values.file;
    FS_TRY(base::write_file(file, receipt));
    return Answer{.json = {{"file", file.string()}, {"bytes", receipt.size()}},
                  .text = fmt::format("{} ({} bytes); prove it with: fairstream receipt verify {} --genesis GENESIS",
                                      file.string(), receipt.size(), file.string())};
}

std::string creator_of(const proto::Proposal& proposal) {
    return proposal.creator().has_did() ? proposal.creator().did() : "a member by certificate";
}

/// Offline: reads two files and nothing else.
Result<Answer> run_verify(const Values& values) {
    FS_ASSIGN(const auto genesis, base::read_file(values.genesis, kMaxGenesisBytes));
    FS_ASSIGN(const auto channel, ledger::contract::Channel::make(genesis));
    FS_ASSIGN(const auto bytes, base::read_file(values.file, ledger::receipt::kMaxReceiptBytes));
    FS_ASSIGN(const auto proven, ledger::receipt::verify_receipt(channel, bytes));
    const auto id = base::to_hex(proven.id);
    const auto& code = proto::ValidationCode_Name(proven.outcome.code());
    const auto time = base::to_rfc3339(base::from_us(proven.time_us));
    return Answer{
        .json = {{"transaction", id},
                 {"channel", channel->name()},
                 {"contract", proven.proposal.contract()},
                 {"function", proven.proposal.function()},
                 {"creator", creator_of(proven.proposal)},
                 {"block", proven.height},
                 {"time", time},
                 {"code", code},
                 {"reason", proven.outcome.reason()}},
        .text = fmt::format("transaction {}\n{}.{} by {}\nblock {} of channel {}, {}\noutcome {}{}{}\nproven by a "
                            "quorum of the nodes in {}",
                            id, proven.proposal.contract(), proven.proposal.function(), creator_of(proven.proposal),
                            proven.height, channel->name(), time, code, proven.outcome.reason().empty() ? "" : ": ",
                            proven.outcome.reason(), values.genesis.string())};
}

}  // namespace

void add_receipt_verbs(CLI::App& app, Session& session, Command& chosen) {
    auto v = std::make_shared<Values>();
    auto* group = app.add_subcommand("receipt", "What became of a transaction, provable without the network");
    group->fallthrough();
    group->require_subcommand(1);

    auto* get = group->add_subcommand("get", "Fetch the receipt of a committed transaction");
    get->fallthrough();
    get->footer("Example:\n  fairstream receipt get 5c0f... -o payment.receipt --network D");
    get->add_option("transaction", v->transaction, "Its id, 64 hex digits")->required();
    get->add_option("-o,--output", v->file, "Where to; default: <transaction>.receipt");
    get->callback([v, &session, &chosen] { chosen = [v, &session] { return run_get(session, *v); }; });

    auto* verify = group->add_subcommand("verify", "Check a receipt with the genesis file alone, offline");
    verify->fallthrough();
    verify->footer("Example:\n  fairstream receipt verify payment.receipt --genesis D/public/genesis.bin");
    verify->add_option("file", v->file, "The receipt")->required()->check(CLI::ExistingFile);
    verify->add_option("--genesis", v->genesis, "The channel's genesis file")->required()->check(CLI::ExistingFile);
    verify->callback([v, &chosen] { chosen = [v] { return run_verify(*v); }; });
}

}  // namespace fairstream::network
