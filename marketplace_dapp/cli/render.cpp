#include "marketplace_dapp/cli/render.hpp"

#include <fmt/format.h>

#include "marketplace_dapp/client/record_json.hpp"

namespace fairstream::marketplace_dapp::cli {

namespace schema = chaincode::schema;
namespace json = boost::json;
using client::time_of;

namespace {

/// `record` with its member `from` under the name `to`, in front.
json::object renamed(const json::object& record, std::string_view from, std::string_view to) {
    json::object out{{to, record.at(from)}};
    for (const auto& member : record)
        if (member.key() != from) out.insert(member);
    return out;
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
                               {"valid_until", time_of(one.valid_until_us())}});
    return {{"did", actor.did()},
            {"seller", actor.seller()},
            {"client", actor.client()},
            {"trust_score", actor.trust_score()},
            {"credibility", actor.credibility()},
            {"identifiers", std::move(identifiers)},
            {"registered_at", time_of(actor.registered_at_us())}};
}

json::object to_json(const schema::Offer& offer) {
    auto out = renamed(client::to_json(offer), "id", "offer");
    out["seller_trust"] = offer.seller_trust();
    out["window_s"] = offer.draft().window_s();
    out["batches"] = offer.batches();
    return out;
}

json::object to_json(const schema::Batch& batch) {
    return renamed(client::to_json(batch), "number", "batch");
}

json::object to_json(const schema::Purchase& purchase) {
    auto out = renamed(client::to_json(purchase), "id", "purchase");
    out["state"] = state_name(purchase.state());
    out["paid_micro"] = purchase.paid_micro();
    out["returned_micro"] = purchase.returned_micro();
    out["delivered_entries"] = purchase.delivered_entries();
    out["releases"] = purchase.releases();
    out["release_deadline"] = time_of(purchase.deadlines().release_us());
    out["refund_deadline"] = time_of(purchase.deadlines().refund_us());
    if (purchase.has_window()) {
        out["window"].as_object()["after"] = purchase.window().after();
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
                           time_of(purchase.window().from_us()), time_of(purchase.window().until_us()),
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
