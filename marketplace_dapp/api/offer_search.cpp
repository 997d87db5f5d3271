#include "marketplace_dapp/api/offer_search.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>
#include <utility>

#include "base/encoding.hpp"
#include "marketplace_dapp/api/parameters.hpp"
#include "marketplace_dapp/api/rows.hpp"

namespace fairstream::marketplace_dapp::api {

namespace {

constexpr double kEarthRadiusKm = 6371.0088;
constexpr double kKmPerDegree = kEarthRadiusKm * std::numbers::pi / 180;
constexpr std::size_t kMaxTextBytes = 200;
constexpr std::size_t kMaxTopicBytes = 128;
constexpr std::size_t kMaxDidBytes = 256;
constexpr std::size_t kMaxCursorBytes = 200;

std::optional<double> to_double(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
    return value;
}

Result<std::optional<OfferSearch::Near>> parse_near(Parameters& parameters) {
    FS_ASSIGN(const auto place, parameters.text("near", 64));
    FS_ASSIGN(const auto radius, parameters.number("radius_km", 0.001, kMaxRadiusKm));
    if (place.has_value() != radius.has_value())
        return fail("bad_request", "near and radius_km are given together, or neither");
    if (!place) return std::nullopt;
    const auto comma = place->find(',');
    if (comma != std::string::npos) {
        const auto latitude = to_double(std::string_view(*place).substr(0, comma));
        const auto longitude = to_double(std::string_view(*place).substr(comma + 1));
        if (latitude && longitude && std::abs(*latitude) <= 90 && std::abs(*longitude) <= 180)
            return OfferSearch::Near{.latitude = *latitude, .longitude = *longitude, .radius_km = *radius};
    }
    return fail("bad_request", "near: latitude,longitude in degrees, like 48.137,11.575");
}

Result<std::optional<std::pair<double, std::string>>> parse_cursor(Parameters& parameters) {
    FS_ASSIGN(const auto cursor, parameters.text("cursor", kMaxCursorBytes));
    if (!cursor) return std::nullopt;
    if (const auto bytes = base::from_base64url(*cursor)) {
        const auto text = base::to_string(*bytes);
        const auto space = text.find(' ');
        const auto rank = space == std::string::npos ? std::nullopt : to_double(text.substr(0, space));
        const auto id = space == std::string::npos ? "" : text.substr(space + 1);
        if (rank && base::from_hex(id)) return std::pair(*rank, id);
    }
    return fail("bad_request", "cursor: not one that a page of this search ended with");
}

/// Haversine, in km.
std::string distance(SqlBuilder& builder, const OfferSearch::Near& near) {
    const auto latitude = builder.value(near.latitude);
    const auto longitude = builder.value(near.longitude);
    return fmt::format(
        "2 * {} * asin(least(1, sqrt(sin(radians(o.latitude - {}) / 2) ^ 2 + cos(radians({})) * "
        "cos(radians(o.latitude)) * sin(radians(o.longitude - {}) / 2) ^ 2)))",
        kEarthRadiusKm, latitude, latitude, longitude);
}

/// A box around the circle, for the index; none where the circle holds a pole or crosses the antimeridian.
void require_box(SqlBuilder& builder, const OfferSearch::Near& near) {
    const auto up = near.radius_km / kKmPerDegree;
    const auto south = near.latitude - up, north = near.latitude + up;
    if (south <= -89.9 || north >= 89.9) return;
    const auto ratio = std::sin(near.radius_km / kEarthRadiusKm) / std::cos(near.latitude * std::numbers::pi / 180);
    if (near.radius_km >= kEarthRadiusKm || std::abs(ratio) >= 1) return;
    const auto across = std::asin(ratio) * 180 / std::numbers::pi;
    const auto west = near.longitude - across, east = near.longitude + across;
    if (west < -180 || east > 180) return;
    constexpr double kMargin = 1e-6;  // of rounding
    builder.require(fmt::format("point(o.longitude, o.latitude) <@ box(point({}, {}), point({}, {}))",
                                builder.value(west - kMargin), builder.value(south - kMargin),
                                builder.value(east + kMargin), builder.value(north + kMargin)));
}

std::string like_prefix(const std::string& prefix) {
    std::string out;
    for (const char c : prefix) {
        if (c == '%' || c == '_' || c == '\\') out += '\\';
        out += c;
    }
    return out + "%";
}

}  // namespace

Result<OfferSearch> OfferSearch::parse(const std::map<std::string, std::string>& query) {
    Parameters parameters(query);
    OfferSearch search;
    FS_ASSIGN(search.text, parameters.text("q", kMaxTextBytes));
    FS_ASSIGN(search.topic_prefix, parameters.text("topic", kMaxTopicBytes));
    FS_ASSIGN(search.mode, parameters.text("mode", 32));
    FS_ASSIGN(search.seller, parameters.text("seller", kMaxDidBytes));
    FS_ASSIGN(search.near, parse_near(parameters));
    FS_ASSIGN(search.min_price_micro, parameters.integer("min_price_micro", 0, INT64_MAX));
    FS_ASSIGN(search.max_price_micro, parameters.integer("max_price_micro", 0, INT64_MAX));
    FS_ASSIGN(const auto verified, parameters.flag("verified"));
    search.verified = verified.value_or(false);
    FS_ASSIGN(search.min_trust, parameters.integer("min_trust", 0, 1'000'000));
    FS_ASSIGN(const auto limit, parameters.integer("limit", 1, 200));
    search.limit = limit.value_or(search.limit);
    FS_ASSIGN(search.after, parse_cursor(parameters));
    FS_TRY(parameters.finish());
    return search;
}

namespace {

/// "WITH ... ", if sellers are asked for by their standing: all are judged once, not once for each offer.
std::string require_sellers(SqlBuilder& builder, const OfferSearch& search) {
    if (!search.verified && !search.min_trust) return {};
    SqlBuilder sellers;
    sellers.parameters = std::move(builder.parameters);
    if (search.verified) sellers.require("verified");
    if (search.min_trust) sellers.require("trust_score >= " + sellers.value(std::to_string(*search.min_trust), "int8"));
    builder.parameters = std::move(sellers.parameters);
    // IS TRUE: as a condition of its own, hashed. As a join the planner may compare every offer with every seller.
    builder.require("(o.seller IN (SELECT did FROM sellers)) IS TRUE");
    return "WITH sellers AS MATERIALIZED (SELECT did FROM market.all_standings" + sellers.where + ") ";
}

void require_what_indexes_find(SqlBuilder& builder, const OfferSearch& search) {
    if (search.near) require_box(builder, *search.near);
    if (search.topic_prefix)
        builder.require("o.topic LIKE " + builder.value(like_prefix(*search.topic_prefix), "text"));
    builder.require_equal("o.mode", search.mode);
    builder.require_equal("o.seller", search.seller);
    if (search.min_price_micro)
        builder.require("o.price_micro >= " + builder.value(std::to_string(*search.min_price_micro), "int8"));
    if (search.max_price_micro)
        builder.require("o.price_micro <= " + builder.value(std::to_string(*search.max_price_micro), "int8"));
}

}  // namespace

Statement to_statement(const OfferSearch& search) {
    SqlBuilder builder;
    std::string rank = "-o.created_at_us::float8";
    if (search.text) {
        const auto query = "websearch_to_tsquery('english', " + builder.value(*search.text, "text") + ")";
        builder.require("o.document @@ " + query);
        rank = "-ts_rank(o.document, " + query + ")::float8";
    }
    require_what_indexes_find(builder, search);
    const auto with = require_sellers(builder, search);
    std::string offers = "market.offers o";
    std::string km = "NULL::float8";
    if (search.near) {
        // The distance is worked out once for each offer that all else finds: OFFSET keeps the planner from repeating
        // it.
        offers = "(SELECT o.id, o.body, o.seller, " + distance(builder, *search.near) + " AS km FROM " + offers +
                 std::exchange(builder.where, {}) + " OFFSET 0) o";
        rank = km = "o.km";
        builder.require("o.km <= " + builder.value(search.near->radius_km));
    }
    if (search.after)
        builder.require(fmt::format("({}, o.id) > ({}, {})", rank, builder.value(search.after->first),
                                    builder.value(search.after->second, "text")));
    const auto limit = builder.value(std::to_string(search.limit + 1), "int8");
    // Sellers and batches are looked up for the page only.
    return {.sql = fmt::format("{}SELECT f.id, f.rank, f.body, (SELECT coalesce(max(number), 0) FROM market.batches b "
                               "WHERE b.offer = f.id), s.trust_score, s.verified, f.km FROM (SELECT o.id, {} AS rank, "
                               "o.body, o.seller, {} AS km FROM {}{} ORDER BY {}, o.id LIMIT {}) f "
                               "LEFT JOIN market.standings s ON s.did = f.seller ORDER BY f.rank, f.id",
                               with, rank, km, offers, builder.where, rank, limit),
            .parameters = std::move(builder.parameters)};
}

std::string to_cursor(const std::string& rank, const std::string& id) {
    return base::to_base64url(as_bytes(rank + " " + id));
}

}  // namespace fairstream::marketplace_dapp::api
