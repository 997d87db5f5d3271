#include "chaincode/governance/contract.hpp"

#include <algorithm>

#include "chaincode/rules/arguments.hpp"
#include "chaincode/rules/caller.hpp"
#include "chaincode/rules/records.hpp"
#include "chaincode/schema/governance.pb.h"
#include "chaincode/schema/names.hpp"
#include "ledger/contract/functions.hpp"

namespace fairstream::chaincode::governance {

namespace names = schema::names;
using ledger::contract::Context;

namespace {

constexpr std::size_t kMaxTitleBytes = 200;
constexpr std::size_t kNonceBytes = 16;
constexpr int kMaxCalls = 64;
constexpr std::size_t kMaxNameBytes = 64;

Status check(const schema::Decision& decision) {
    FS_TRY(rules::check_text("title", decision.title(), 1, kMaxTitleBytes));
    FS_TRY(rules::check_size("nonce", decision.nonce(), kNonceBytes));
    FS_TRY(rules::check_range("calls", decision.calls_size(), 1, kMaxCalls));
    for (const auto& call : decision.calls()) {
        FS_TRY(rules::check_text("contract", call.contract(), 1, kMaxNameBytes));
        FS_TRY(rules::check_text("function", call.function(), 1, kMaxNameBytes));
        if (call.contract() == names::contract::kGovernance)
            return fail("bad_arguments", "contract: a decision cannot decide for the next one");
    }
    return {};
}

bool in_roster(const Context& context, const std::string& organisation) {
    const auto& roster = context.roster();
    return std::any_of(roster.begin(), roster.end(),
                       [&](const auto& entry) { return entry.organisation == organisation; });
}

Status check_organisation(const Context& context, const std::string& organisation) {
    if (in_roster(context, organisation)) return {};
    return fail("unknown_organisation", organisation + " is not an organisation of this channel");
}

/// Organisations that have left the channel since they approved do not count.
bool majority(const Context& context, const schema::ApproveReply& record) {
    const auto& by = record.approved_by();
    const auto present = std::count_if(by.begin(), by.end(), [&](const auto& one) { return in_roster(context, one); });
    return static_cast<std::size_t>(present) > context.roster().size() / 2;
}

Status execute(Context& context, const schema::Decision& decision) {
    for (const auto& call : decision.calls()) {
        auto done = context.call(call.contract(), call.function(), as_bytes(call.arguments()));
        if (!done)
            return fail(done.error().code, call.contract() + "." + call.function() + ": " + done.error().message);
    }
    return {};
}

Result<schema::ApproveReply> approve(Context& context, const schema::ApproveRequest& request) {
    FS_ASSIGN(const auto admin, rules::direct_member(context, identity::msp::Role::kAdmin));
    FS_TRY(check_organisation(context, admin.org));
    FS_TRY(check(request.decision()));
    const auto id = identity::crypto::sha256(ledger::proto::encode(request.decision()));
    const auto key = "decision/" + base::to_hex(id);
    FS_ASSIGN(auto found, rules::load<schema::ApproveReply>(context, key));
    auto record = found ? std::move(*found) : schema::ApproveReply{};
    record.set_decision_id(rules::as_field(id));
    const auto& by = record.approved_by();
    if (record.executed() || std::find(by.begin(), by.end(), admin.org) != by.end()) return record;
    record.add_approved_by(admin.org);
    if (majority(context, record)) {
        record.set_executed(true);
        FS_TRY(execute(context, request.decision()));
    }
    FS_TRY(rules::store(context, key, record));
    return record;
}

}  // namespace

std::shared_ptr<const ledger::contract::Contract> make_contract() {
    ledger::contract::Functions functions;
    functions.add(names::governance::kApprove, &approve);
    return std::make_shared<ledger::contract::TableContract>(names::contract::kGovernance, std::move(functions));
}

}  // namespace fairstream::chaincode::governance
