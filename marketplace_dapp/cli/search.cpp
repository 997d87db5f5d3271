#include "marketplace_dapp/cli/search.hpp"

#include <fmt/format.h>

#include <boost/json/value_to.hpp>

#include "marketplace_dapp/cli/render.hpp"
#include "marketplace_dapp/client/dapp_client.hpp"

namespace fairstream::marketplace_dapp::cli {

namespace json = boost::json;

namespace {

std::map<std::string, std::string> query_of(const SearchOptions& options) {
    std::map<std::string, std::string> query{{"limit", std::to_string(options.limit)}};
    const auto add = [&](const char* name, const std::string& value) {
        if (!value.empty()) query[name] = value;
    };
    add("q", options.text);
    add("topic", options.topic);
    add("mode", options.mode);
    add("near", options.near);
    if (!options.near.empty()) query["radius_km"] = options.radius_km;
    if (options.max_price_micro) query["max_price_micro"] = std::to_string(*options.max_price_micro);
    if (options.min_trust) query["min_trust"] = std::to_string(*options.min_trust);
    if (options.verified) query["verified"] = "true";
    return query;
}

std::string text_at(const json::object& object, std::string_view name) {
    const auto* member = object.if_contains(name);
    return member != nullptr && member->is_string() ? std::string(member->get_string()) : std::string();
}
std::int64_t number_at(const json::object& object, std::string_view name) {
    const auto* member = object.if_contains(name);
    return member != nullptr && member->is_int64() ? member->get_int64() : 0;
}

std::string line(const json::object& offer) {
    const auto* distance = offer.if_contains("distance_km");
    const auto* away = distance == nullptr ? nullptr : distance->if_double();
    return fmt::format("{}  {:<24} {:<8} {:>14}  trust {}  {}{}\n", text_at(offer, "id"), text_at(offer, "topic"),
                       text_at(offer, "mode"), credits(number_at(offer, "price_micro")),
                       rate(static_cast<std::uint32_t>(number_at(offer, "seller_trust"))), text_at(offer, "title"),
                       away == nullptr ? std::string() : fmt::format("  ({:.1f} km away)", *away));
}

}  // namespace

Result<Answer> offer_search(Session& session, const SearchOptions& options) {
    FS_ASSIGN(auto* connection, session.connect());
    FS_ASSIGN(auto dapp, client::DappClient::of(connection->profile()));
    Answer answer;
    FS_ASSIGN(answer.json, dapp.get("/api/v1/offers", query_of(options)));
    const auto* found = answer.json.if_contains("offers");
    if (found == nullptr || !found->is_array()) return fail("bad_answer", "the DApp's answer has no offers");
    for (const auto& offer : found->get_array())
        if (offer.is_object()) answer.text += line(offer.get_object());
    if (found->get_array().empty()) answer.text = "no offer matches";
    return answer;
}

}  // namespace fairstream::marketplace_dapp::cli
