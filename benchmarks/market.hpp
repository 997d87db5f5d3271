#pragma once

#include <string>
#include <vector>

#include "benchmarks/measured.hpp"
#include "marketplace_dapp/client/buyer.hpp"
#include "marketplace_dapp/client/seller.hpp"

/// A market to measure: sellers, offers and purchases, all made by transactions.
namespace fairstream::benchmarks {

struct Market {
    std::vector<std::string> offers, purchases;  // ids
    std::uint64_t height = 0;                    // of the last block that made them
    double offers_per_second = 0;                // as they were made, all at once over many clients
};

struct MarketShape {
    std::uint32_t sellers = 20;
    std::uint32_t offers = 0;
    std::uint32_t purchases = 0;
};

/// `dir` is the running network's folder, whose issuer1 vouches for the sellers; `scratch` may be filled.
Result<Market> make_market(marketplace_dapp::client::Connection& connection, const std::filesystem::path& dir,
                           const MarketShape& shape, const Progress& progress);

/// Registers `seller` with a credential by the issuer of the running network in `dir`.
Status join_as_seller(marketplace_dapp::client::Seller& seller, const std::filesystem::path& dir);

/// The same market for the same number: what it sells, where, and for how much. Offers are in 40 cities.
chaincode::schema::OfferDraft offer_draft(std::uint32_t number);

/// What one may search in it, in REST's words, each with many answers: by text, by place, by topic and price.
std::vector<std::string> text_searches();
std::vector<std::string> place_searches();
std::vector<std::string> topic_searches();

}  // namespace fairstream::benchmarks
