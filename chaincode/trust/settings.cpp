#include "chaincode/trust/settings.hpp"

#include "chaincode/rules/amounts.hpp"
#include "chaincode/rules/arguments.hpp"
#include "chaincode/rules/caller.hpp"
#include "chaincode/rules/records.hpp"
#include "chaincode/rules/trust.hpp"

namespace fairstream::chaincode::trust {

using ledger::contract::Context;

namespace {

constexpr std::string_view kSettings = "settings";
constexpr std::int64_t kMaxSeconds = 365 * 24 * 3600;
constexpr std::int64_t kMaxPriorWeight = 1'000 * rules::kOne;

schema::TrustSettings default_settings() {
    const rules::CredibilityRules formula;
    schema::TrustSettings settings;
    settings.set_epoch_s(60);
    settings.set_reveal_s(60);
    settings.set_reference_value_micro(rules::kCredit);
    settings.set_lambda(formula.lambda);
    settings.set_prior_weight(formula.prior_weight);
    return settings;
}

Status check(const schema::TrustSettings& settings) {
    FS_TRY(rules::check_range("epoch_s", settings.epoch_s(), 1, kMaxSeconds));
    FS_TRY(rules::check_range("reveal_s", settings.reveal_s(), 1, kMaxSeconds));
    FS_TRY(rules::check_range("reference_value_micro", settings.reference_value_micro(), 1, rules::kMaxPrice));
    FS_TRY(rules::check_range("lambda", settings.lambda(), 0, rules::kOne));
    return rules::check_range("prior_weight", settings.prior_weight(), 0, kMaxPriorWeight);
}

}  // namespace

Result<schema::TrustSettingsReply> configure(Context& context, const schema::TrustSettings& settings) {
    FS_TRY(rules::governance_only(context));
    FS_TRY(check(settings));
    FS_TRY(rules::store(context, kSettings, settings));
    schema::TrustSettingsReply reply;
    *reply.mutable_settings() = settings;
    return reply;
}

Result<schema::TrustSettingsReply> get_settings(Context& context, const schema::GetTrustSettingsRequest&) {
    schema::TrustSettingsReply reply;
    FS_ASSIGN(*reply.mutable_settings(), settings_now(context));
    return reply;
}

Result<schema::TrustSettings> settings_now(Context& context) {
    FS_ASSIGN(auto settings, rules::load<schema::TrustSettings>(context, kSettings));
    return settings ? std::move(*settings) : default_settings();
}

}  // namespace fairstream::chaincode::trust
