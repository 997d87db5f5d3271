#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace fairstream::marketplace_dapp::api {

/// What GET /api/v1/offers asks for.
struct OfferSearch {
    struct Near {
        double latitude, longitude, radius_km;
    };
    std::optional<std::string> text;  // web search syntax: words, "a phrase", -without, or
    std::optional<std::string> topic_prefix;
    std::optional<std::string> mode;
    std::optional<std::string> seller;
    std::optional<Near> near;
    std::optional<std::int64_t> min_price_micro, max_price_micro;
    bool verified = false;                                // the seller, now
    std::optional<std::int64_t> min_trust;                // of the seller, millionths
    std::int64_t limit = 50;                              // at most 200
    std::optional<std::pair<double, std::string>> after;  // place in the order: (rank, id)

    /// Error: bad_request, naming the parameter.
    static Result<OfferSearch> parse(const std::map<std::string, std::string>& query);
};

/// "latitude,longitude" and a radius above this make no sense on Earth.
inline constexpr double kMaxRadiusKm = 20'037;

struct Statement {
    std::string sql;
    std::vector<std::string> parameters;
};

/// The order is by distance if `near` is asked for, else by how well the text matches, else newest first; ties by id.
/// Columns: id, rank, body, batches, seller_trust, seller_verified, distance in km (null without `near`). One row more
/// than the limit, so that the last page is known to be it.
Statement to_statement(const OfferSearch& search);

/// Opaque to clients.
std::string to_cursor(const std::string& rank, const std::string& id);

}  // namespace fairstream::marketplace_dapp::api
