#include "chaincode/marketplace/settings.hpp"

#include <chrono>

#include "chaincode/rules/amounts.hpp"
#include "chaincode/rules/arguments.hpp"
#include "chaincode/rules/caller.hpp"
#include "chaincode/rules/records.hpp"

namespace fairstream::chaincode::marketplace {

using ledger::contract::Context;

namespace {

constexpr std::string_view kSettings = "settings";
constexpr std::int64_t kMaxSeconds = 30 * 24 * 3600;
constexpr std::uint32_t kUsualReceiptWindow = 1'000;
constexpr std::int64_t kMaxReceiptWindow = 1'000'000;
constexpr std::chrono::seconds kRefundAfterChallenge{1};

schema::MarketSettings default_settings() {
    schema::MarketSettings settings;
    settings.set_commission(20'000);
    settings.set_operator_share(80'000);
    settings.set_release_s(600);
    settings.set_delivery_s(3'600);
    settings.set_claim_s(600);
    settings.set_challenge_s(600);
    return settings;
}

Status check(const schema::MarketSettings& settings) {
    FS_TRY(rules::check_range("seller_fee_micro", settings.seller_fee_micro(), 0, rules::kMaxPrice));
    FS_TRY(rules::check_range("client_fee_micro", settings.client_fee_micro(), 0, rules::kMaxPrice));
    FS_TRY(rules::check_range("commission", settings.commission(), 0, rules::kOne));
    FS_TRY(rules::check_range("operator_share", settings.operator_share(), 0, rules::kOne - settings.commission()));
    FS_TRY(rules::check_range("release_s", settings.release_s(), 1, kMaxSeconds));
    FS_TRY(rules::check_range("delivery_s", settings.delivery_s(), 1, kMaxSeconds));
    FS_TRY(rules::check_range("claim_s", settings.claim_s(), 1, kMaxSeconds));
    FS_TRY(rules::check_range("challenge_s", settings.challenge_s(), 1, kMaxSeconds));
    return rules::check_range("receipt_window", settings.receipt_window(), 0, kMaxReceiptWindow);
}

}  // namespace

Result<schema::SettingsReply> configure(Context& context, const schema::MarketSettings& settings) {
    FS_TRY(rules::governance_only(context));
    FS_TRY(check(settings));
    FS_TRY(rules::store(context, kSettings, settings));
    schema::SettingsReply reply;
    *reply.mutable_settings() = settings;
    return reply;
}

Result<schema::SettingsReply> get_settings(Context& context, const schema::GetSettingsRequest&) {
    schema::SettingsReply reply;
    FS_ASSIGN(*reply.mutable_settings(), settings_now(context));
    return reply;
}

Result<schema::MarketSettings> settings_now(Context& context) {
    FS_ASSIGN(auto settings, rules::load<schema::MarketSettings>(context, kSettings));
    auto now = settings ? std::move(*settings) : default_settings();
    if (now.receipt_window() == 0) now.set_receipt_window(kUsualReceiptWindow);
    return now;
}

schema::Deadlines deadlines_from(const schema::MarketSettings& settings, TimePoint start) {
    using std::chrono::seconds;
    const auto release = start + seconds(settings.release_s());
    const auto delivery = release + seconds(settings.delivery_s());
    const auto claim = delivery + seconds(settings.claim_s());
    const auto challenge = claim + seconds(settings.challenge_s());
    schema::Deadlines deadlines;
    deadlines.set_release_us(base::to_us(release));
    deadlines.set_delivery_us(base::to_us(delivery));
    deadlines.set_claim_us(base::to_us(claim));
    deadlines.set_challenge_us(base::to_us(challenge));
    deadlines.set_refund_us(base::to_us(challenge + kRefundAfterChallenge));
    return deadlines;
}

}  // namespace fairstream::chaincode::marketplace
