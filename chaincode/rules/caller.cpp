#include "chaincode/rules/caller.hpp"

#include "chaincode/schema/names.hpp"

namespace fairstream::chaincode::rules {

namespace {

Status called_directly(const Context& context) {
    const auto& contract = context.caller().contract;
    if (contract.empty()) return {};
    return fail("not_callable_by_contracts",
                "contract " + contract + " cannot call this for the transaction's creator");
}

}  // namespace

Result<std::string> direct_actor(const Context& context) {
    FS_TRY(called_directly(context));
    const auto& caller = context.caller();
    if (caller.did.empty() || caller.member)
        return fail("not_an_actor",
                    "this is signed with an actor's key (a DID), not with an organisation's certificate");
    return caller.did;
}

Result<identity::msp::MemberIdentity> direct_member(const Context& context, identity::msp::Role role) {
    FS_TRY(called_directly(context));
    const auto& caller = context.caller();
    if (!caller.member)
        return fail("not_a_member", "this is signed with an organisation's certificate, not with an actor's key");
    if (caller.member->role != role)
        return fail("wrong_role", "this takes the role " + std::string(to_text(role)) + ", the certificate of " +
                                      caller.id() + " has " + std::string(to_text(caller.member->role)));
    return *caller.member;
}

Status governance_only(const Context& context) {
    if (context.caller().contract == schema::names::contract::kGovernance) return {};
    return fail("governance_only", "only a decision of the consortium can do this (governance.Approve)");
}

Status contract_only(const Context& context, std::string_view contract) {
    if (context.caller().contract == contract) return {};
    return fail("contract_only", "only the contract " + std::string(contract) + " can call this");
}

}  // namespace fairstream::chaincode::rules
