#include "chaincode/credits/contract.hpp"

#include "chaincode/rules/amounts.hpp"
#include "chaincode/rules/arguments.hpp"
#include "chaincode/rules/caller.hpp"
#include "chaincode/rules/records.hpp"
#include "chaincode/schema/credits.pb.h"
#include "chaincode/schema/events.pb.h"
#include "chaincode/schema/names.hpp"
#include "identity/msp/certificate.hpp"
#include "ledger/contract/functions.hpp"
#include "ledger/contract/keys.hpp"

namespace fairstream::chaincode::credits {

namespace names = schema::names;
using ledger::contract::Context;
using rules::kMaxBalance;

namespace {

constexpr std::int64_t kMaxFaucet = 1'000 * rules::kCredit;
constexpr std::size_t kMaxMemoBytes = 200;
constexpr std::size_t kMaxEscrowBytes = 64;
constexpr std::string_view kBalances = "balance/";
constexpr std::string_view kEscrows = "escrow/";
constexpr std::string_view kSupply = "supply";
constexpr std::uint32_t kAuditPage = 1000;
constexpr int kMaxListed = 5'000;  // of each list in an audit; the sums are over all

std::string balance_key(std::string_view account) {
    return std::string(kBalances) + std::string(account);
}
std::string escrow_key(std::string_view contract, std::string_view escrow) {
    return std::string(kEscrows) + std::string(contract) + "/" + std::string(escrow);
}

/// Money sent to a name that nobody can hold would be lost, so only names that someone can hold are accounts.
Status check_account(std::string_view account) {
    if (account == names::account::kMarket || account == names::account::kFaucet) return {};
    if (account.starts_with("did:") && rules::check_did("account", account)) return {};
    if (account.starts_with("org:")) {
        const auto slash = account.find('/');
        if (slash != std::string_view::npos && identity::msp::check_name(account.substr(4, slash - 4)) &&
            identity::msp::check_name(account.substr(slash + 1)))
            return {};
    }
    return fail("bad_account", "'" + std::string(account.substr(0, rules::kMaxDidBytes)) +
                                   "' is no account: a did:key, org:<organisation>/<name>, market or faucet");
}

Status check_amount(std::int64_t amount) {
    return rules::check_range("amount_micro", amount, 1, kMaxBalance);
}

/// Takes from, or adds to, what lies under `key`; the ledger's own refusal gets the market's word for it.
Status move(Context& context, const std::string& key, std::int64_t amount, std::string_view refusal,
            const std::string& message) {
    auto added = context.add(key, amount, 0, kMaxBalance);
    if (!added && added.error().code == "out_of_bounds") return fail(refusal, message);
    return added;
}
Status debit(Context& context, const std::string& account, std::int64_t amount) {
    return move(context, balance_key(account), -amount, "insufficient_funds",
                account + " has less than " + std::to_string(amount) + " micro-credits");
}
Status credit(Context& context, const std::string& account, std::int64_t amount) {
    return move(context, balance_key(account), amount, "balance_limit", account + " cannot hold that much");
}

void tell(Context& context, const std::string& from, const std::string& to, std::int64_t amount,
          const std::string& memo) {
    schema::Transferred event;
    event.set_from(from);
    event.set_to(to);
    event.set_amount_micro(amount);
    event.set_memo(memo);
    rules::emit(context, names::credits::kTransferred, event);
}

Result<schema::Empty> mint(Context& context, const schema::MintRequest& request) {
    FS_TRY(rules::governance_only(context));
    FS_TRY(check_account(request.account()));
    FS_TRY(check_amount(request.amount_micro()));
    FS_TRY(move(context, std::string(kSupply), request.amount_micro(), "balance_limit",
                "the supply cannot be that large"));
    FS_TRY(credit(context, request.account(), request.amount_micro()));
    tell(context, "", request.account(), request.amount_micro(), "mint");
    return schema::Empty{};
}

Result<schema::Empty> transfer(Context& context, const schema::TransferRequest& request) {
    const auto& by = context.caller().contract;
    if (!by.empty()) FS_TRY(rules::contract_only(context, names::contract::kActors));
    FS_TRY(check_account(request.to()));
    FS_TRY(check_amount(request.amount_micro()));
    FS_TRY(rules::check_text("memo", request.memo(), 0, kMaxMemoBytes));
    const auto from = context.caller().id();
    if (from == request.to()) return fail("same_account", "an account cannot pay itself");
    FS_TRY(debit(context, from, request.amount_micro()));
    FS_TRY(credit(context, request.to(), request.amount_micro()));
    tell(context, from, request.to(), request.amount_micro(), request.memo());
    return schema::Empty{};
}

Result<schema::Empty> faucet(Context& context, const schema::FaucetRequest& request) {
    FS_ASSIGN(const auto to, rules::direct_actor(context));
    FS_TRY(rules::check_range("amount_micro", request.amount_micro(), 1, kMaxFaucet));
    FS_TRY(debit(context, names::account::kFaucet, request.amount_micro()));
    FS_TRY(credit(context, to, request.amount_micro()));
    tell(context, names::account::kFaucet, to, request.amount_micro(), "faucet");
    return schema::Empty{};
}

Result<schema::Empty> hold(Context& context, const schema::HoldRequest& request) {
    const auto& contract = context.caller().contract;
    if (contract.empty() || contract == names::contract::kGovernance)
        return fail("contract_only", "only a contract that keeps an escrow can call this");
    FS_TRY(rules::check_word("escrow", request.escrow(), 1, kMaxEscrowBytes, "-_./"));
    FS_TRY(check_amount(request.amount_micro()));
    const auto from = context.caller().id();
    FS_TRY(debit(context, from, request.amount_micro()));
    const auto escrow = escrow_key(contract, request.escrow());
    FS_TRY(move(context, escrow, request.amount_micro(), "balance_limit", "an escrow cannot hold that much"));
    tell(context, from, escrow, request.amount_micro(), "hold");
    return schema::Empty{};
}

Result<schema::Empty> pay(Context& context, const schema::PayRequest& request) {
    const auto& contract = context.caller().contract;
    if (contract.empty() || contract == names::contract::kGovernance)
        return fail("contract_only", "only the contract that keeps an escrow can pay from it");
    FS_TRY(rules::check_word("escrow", request.escrow(), 1, kMaxEscrowBytes, "-_./"));
    FS_TRY(check_account(request.to()));
    FS_TRY(check_amount(request.amount_micro()));
    const auto escrow = escrow_key(contract, request.escrow());
    FS_TRY(move(context, escrow, -request.amount_micro(), "insufficient_escrow",
                escrow + " holds less than " + std::to_string(request.amount_micro()) + " micro-credits"));
    FS_TRY(credit(context, request.to(), request.amount_micro()));
    tell(context, escrow, request.to(), request.amount_micro(), "pay");
    return schema::Empty{};
}

Result<schema::BalanceReply> balance(Context& context, const schema::BalanceRequest& request) {
    FS_TRY(check_account(request.account()));
    schema::BalanceReply reply;
    reply.set_account(request.account());
    FS_ASSIGN(const auto amount, context.integer(balance_key(request.account())));
    reply.set_amount_micro(amount);
    return reply;
}

/// Lists the integers under `prefix`; returns the sum of all, which the supply's bound keeps within 64 bits.
template <typename List>
Result<std::int64_t> list(Context& context, std::string_view prefix, List& out) {
    std::int64_t sum = 0;
    std::string start(prefix);
    for (;;) {
        FS_ASSIGN(const auto page, context.range(start, rules::end_of_prefix(std::string(prefix)), kAuditPage));
        for (const auto& entry : page) {
            FS_ASSIGN(const auto amount, ledger::contract::decode_integer(entry.value));
            sum += amount;
            if (out.size() >= kMaxListed) continue;
            auto& one = *out.Add();
            one.set_account(entry.key.substr(prefix.size()));
            one.set_amount_micro(amount);
        }
        if (page.size() < kAuditPage) return sum;
        start = rules::just_after(page.back().key);
    }
}

Result<schema::AuditReply> audit(Context& context, const schema::AuditRequest&) {
    schema::AuditReply reply;
    FS_ASSIGN(const auto free, list(context, kBalances, *reply.mutable_accounts()));
    FS_ASSIGN(const auto held, list(context, kEscrows, *reply.mutable_escrows()));
    FS_ASSIGN(const auto supply, context.integer(kSupply));
    reply.set_sum_micro(free + held);
    reply.set_supply_micro(supply);
    return reply;
}

}  // namespace

std::shared_ptr<const ledger::contract::Contract> make_contract() {
    ledger::contract::Functions functions;
    functions.add(names::credits::kMint, &mint);
    functions.add(names::credits::kTransfer, &transfer);
    functions.add(names::credits::kFaucet, &faucet);
    functions.add(names::credits::kHold, &hold);
    functions.add(names::credits::kPay, &pay);
    functions.add(names::credits::kBalance, &balance);
    functions.add(names::credits::kAudit, &audit);
    return std::make_shared<ledger::contract::TableContract>(names::contract::kCredits, std::move(functions));
}

}  // namespace fairstream::chaincode::credits
