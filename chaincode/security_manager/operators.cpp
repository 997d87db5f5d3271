#include "chaincode/security_manager/operators.hpp"

#include "chaincode/rules/arguments.hpp"
#include "chaincode/rules/caller.hpp"
#include "chaincode/rules/records.hpp"
#include "identity/msp/certificate.hpp"

namespace fairstream::chaincode::security_manager {

using ledger::contract::Context;

namespace {

constexpr std::size_t kMaxUrlBytes = 256;
constexpr std::size_t kMaxRegionBytes = 64;
constexpr std::string_view kOperators = "operator/";

std::string operator_key(const std::string& name) {
    return std::string(kOperators) + name;
}

/// Empty until the operator has said where it listens.
Status check_url(std::string_view field, std::string_view url, std::string_view scheme) {
    if (url.empty()) return {};
    FS_TRY(rules::check_text(field, url, 1, kMaxUrlBytes));
    if (!url.starts_with(scheme) || url.size() == scheme.size() || url.find(' ') != std::string_view::npos)
        return fail("bad_arguments", std::string(field) + ": not " + std::string(scheme) + "host:port");
    return {};
}

Status check_urls(std::string_view mqtt_url, std::string_view https_url) {
    FS_TRY(check_url("mqtt_url", mqtt_url, "mqtts://"));
    return check_url("https_url", https_url, "https://");
}

}  // namespace

Status check_operator_name(std::string_view name) {
    return rules::check_word("operator", name, 1, kMaxOperatorNameBytes, "-");
}

Result<schema::Operator> register_operator(Context& context, const schema::RegisterOperatorRequest& request) {
    FS_TRY(rules::governance_only(context));
    const auto& entry = request.operator_();
    FS_TRY(check_operator_name(entry.name()));
    FS_TRY(identity::msp::check_name(entry.organisation()));
    FS_TRY(rules::check_did("did", entry.did()));
    FS_TRY(check_urls(entry.mqtt_url(), entry.https_url()));
    FS_TRY(rules::check_text("region", entry.region(), 0, kMaxRegionBytes));
    FS_TRY(rules::store(context, operator_key(entry.name()), entry));
    return entry;
}

Result<schema::Operator> set_endpoints(Context& context, const schema::SetEndpointsRequest& request) {
    FS_ASSIGN(const auto did, rules::direct_actor(context));
    FS_TRY(check_operator_name(request.name()));
    FS_TRY(check_urls(request.mqtt_url(), request.https_url()));
    FS_ASSIGN(auto entry, find_operator(context, request.name()));
    if (entry.did() != did) return fail("not_operator", request.name() + " is " + entry.did() + "'s to change");
    entry.set_mqtt_url(request.mqtt_url());
    entry.set_https_url(request.https_url());
    FS_TRY(rules::store(context, operator_key(entry.name()), entry));
    return entry;
}

Result<schema::ListOperatorsReply> list_operators(Context& context, const schema::ListOperatorsRequest&) {
    const std::string start(kOperators);
    FS_ASSIGN(const auto entries, context.range(start, rules::end_of_prefix(start), kMaxOperators));
    schema::ListOperatorsReply reply;
    for (const auto& entry : entries) {
        if (!reply.add_operators()->ParseFromArray(entry.value.data(), static_cast<int>(entry.value.size())))
            return fail("corrupt_state", "the record under " + entry.key + " does not parse");
    }
    return reply;
}

Result<schema::Operator> find_operator(Context& context, const std::string& name) {
    FS_TRY(check_operator_name(name));
    return rules::require<schema::Operator>(context, operator_key(name), "operator: " + name);
}

}  // namespace fairstream::chaincode::security_manager
