#include "marketplace_dapp/cli/render.hpp"

#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/encoding.hpp"

namespace fairstream::marketplace_dapp::cli {

namespace schema = chaincode::schema;
namespace json = boost::json;

namespace {

std::string hex(const std::string& bytes) {
    return base::to_hex(as_bytes(bytes));
}

std::string time(std::uint64_t us) {
    return base::to_rfc3339(base::from_us(us));
}

double degrees(std::int32_t e7) {
    return e7 / 1e7;
}

}  // namespace

std::string credits(std::int64_t micro) {
    const auto magnitude = micro < 0 ? 0 - static_cast<std::uint64_t>(micro) : static_cast<std::uint64_t>(micro);
    return fmt::format("{}{}.{:06}", micro < 0 ? "-" : "", magnitude / 1'000'000, magnitude % 1'000'000);
}

std::string rate(std::uint32_t millionths) {
    return fmt::format("{}.{:03}", millionths / 1'000'000, millionths % 1'000'000 / 1'000);
}

std::string state_name(schema::PurchaseState state) {
    switch (state) {
        case schema::ESCROWED:
            return "escrowed";
        case schema::RELEASED:
            return "released";
        case schema::DELIVERING:
            return "delivering";
        case schema::SETTLED:
            return "settled";
        case schema::REFUNDED:
            return "refunded";
        default:
            return "unknown";
    }
}

json::object to_json(const schema::Actor& actor) {
    json::array identifiers;
    for (const auto& one : actor.identifiers())
        identifiers.push_back({{"issuer", one.issuer()},
                               {"type", one.type()},
                               {"weight", one.weight()},
                               {"valid_until", time(one.valid_until_us())}});
    return {{"did", actor.did()},
            {"seller", actor.seller()},
            {"client", actor.client()},
            {"trust_score", actor.trust_score()},
            {"credibility", actor.credibility()},
            {"identifiers", std::move(identifiers)},
            {"registered_at", time(actor.registered_at_us())}};
}

json::object to_json(const schema::Offer& offer) {
    const auto& draft = offer.draft();
    json::object out{{"offer", offer.id()},
                     {"seller", offer.seller()},
                     {"seller_trust", offer.seller_trust()},
                     {"topic", draft.topic()},
                     {"mode", draft.mode()},
                     {"price_micro", draft.price_micro()},
                     {"window_s", draft.window_s()},
                     {"title", draft.title()},
                     {"description", draft.description()},
                     {"content_type", draft.content_type()},
                     {"unit", draft.unit()},
                     {"stream", offer.stream_id()},
                     {"batches", offer.batches()},
                     {"created_at", time(offer.created_at_us())},
                     {"terms",
                      {{"verified_only", draft.terms().verified_only()},
                       {"minimum_trust", draft.terms().minimum_trust()},
                       {"resale", draft.terms().resale()}}}};
    json::array tags;
    for (const auto& tag : draft.tags()) tags.emplace_back(tag);
    out["tags"] = std::move(tags);
    if (draft.has_place())
        out["place"] = {{"latitude", degrees(draft.place().latitude_e7())},
                        {"longitude", degrees(draft.place().longitude_e7())}};
    return out;
}

json::object to_json(const schema::Batch& batch) {
    return {{"batch", batch.number()},
            {"name", batch.name()},
            {"first_sequence", batch.first_sequence()},
            {"last_sequence", batch.last_sequence()},
            {"key_epoch", batch.key_epoch()},
            {"bytes", batch.plaintext_bytes()},
            {"merkle_root", hex(batch.merkle_root())},
            {"sigma_d", hex(batch.sigma_d())},
            {"recorded_at", time(batch.recorded_at_us())}};
}

json::object to_json(const schema::Window& window) {
    return {{"from", time(window.from_us())},
            {"until", time(window.until_us())},
            {"count", window.count()},
            {"after", window.after()}};
}

json::object to_json(const schema::Purchase& purchase) {
    json::object out{{"purchase", purchase.id()},
                     {"request_id", purchase.request_id()},
                     {"buyer", purchase.buyer()},
                     {"seller", purchase.agreement().seller()},
                     {"offer", purchase.agreement().offer()},
                     {"price_micro", purchase.agreement().price_micro()},
                     {"paid_micro", purchase.paid_micro()},
                     {"state", state_name(purchase.state())},
                     {"releases", purchase.releases()},
                     {"grant", purchase.grant()},
                     {"returned_micro", purchase.returned_micro()},
                     {"delivered_entries", purchase.delivered_entries()},
                     {"release_deadline", time(purchase.deadlines().release_us())},
                     {"refund_deadline", time(purchase.deadlines().refund_us())}};
    if (purchase.has_window()) {
        out["window"] = to_json(purchase.window());
        out["renewed_by"] = purchase.renewed_by();
    } else {
        out["batch"] = to_json(purchase.batch());
    }
    return out;
}

json::array to_json(const std::vector<client::StepTime>& steps) {
    json::array out;
    for (const auto& step : steps)
        out.push_back({{"step", step.step}, {"ms", static_cast<double>(step.took.count()) / 1e3}});
    return out;
}

json::array to_json(const std::vector<std::string>& texts) {
    json::array out;
    for (const auto& text : texts) out.emplace_back(text);
    return out;
}

std::string to_text(const schema::Offer& offer) {
    const auto& draft = offer.draft();
    return fmt::format("{}  {:<28} {:>14} credits  {:<8} trust {}  {} batch{}  {}\n", offer.id(), draft.topic(),
                       credits(draft.price_micro()), draft.mode(), rate(offer.seller_trust()), offer.batches(),
                       offer.batches() == 1 ? "" : "es", draft.title());
}

std::string to_text(const schema::Purchase& purchase) {
    if (purchase.has_window())
        return fmt::format("{}  {:<10} price {} paid {}  {} to {} of {}\n", purchase.id(), state_name(purchase.state()),
                           credits(purchase.agreement().price_micro()), credits(purchase.paid_micro()),
                           time(purchase.window().from_us()), time(purchase.window().until_us()),
                           purchase.agreement().offer());
    return fmt::format("{}  {:<10} price {} paid {}  batch {} of {} ({} bytes)\n", purchase.id(),
                       state_name(purchase.state()), credits(purchase.agreement().price_micro()),
                       credits(purchase.paid_micro()), purchase.batch().number(), purchase.agreement().offer(),
                       purchase.batch().plaintext_bytes());
}

std::string to_text(const std::vector<client::StepTime>& steps) {
    std::string text;
    for (const auto& step : steps)
        text += fmt::format("  {:<32} {:>9.1f} ms\n", step.step, static_cast<double>(step.took.count()) / 1e3);
    return text;
}

}  // namespace fairstream::marketplace_dapp::cli
