#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <catch2/catch.hpp>

#include "base/bytes.hpp"
#include "base/file.hpp"
#include "chaincode/rules/trust.hpp"

namespace fairstream::chaincode::tests {

using rules::credibility;
using rules::Identifier;
using rules::Rating;

namespace {

boost::json::object vectors() {
    const auto bytes = base::read_file(std::string(FS_SOURCE_DIR) + "/tests/vectors/trust.json", 1u << 20).value();
    return boost::json::parse(as_text(bytes)).as_object();
}

std::uint32_t number(const boost::json::object& from, const char* name) {
    return static_cast<std::uint32_t>(from.at(name).to_number<std::uint64_t>());
}
std::string text(const boost::json::object& from, const char* name) {
    return std::string(from.at(name).as_string());
}

/// The ratings of one vector, the one rating repeated by one rater ("repeat") or by several ("repeat_raters").
std::vector<Rating> ratings_of(const boost::json::object& vector) {
    std::vector<Rating> ratings;
    for (const auto& value : vector.at("ratings").as_array()) {
        const auto& one = value.as_object();
        ratings.push_back({.rater = text(one, "rater"),
                           .rater_trust = number(one, "ts"),
                           .outcome = number(one, "S"),
                           .opinion = number(one, "TR")});
    }
    if (vector.contains("repeat")) ratings.resize(number(vector, "repeat"), ratings.at(0));
    if (vector.contains("repeat_raters")) {
        ratings.resize(number(vector, "repeat_raters"), ratings.at(0));
        for (std::size_t i = 0; i < ratings.size(); ++i) ratings[i].rater += std::to_string(i);
    }
    return ratings;
}

}  // namespace

TEST_CASE("credibility as in the vectors") {
    const auto all = vectors();
    REQUIRE(all.at("credibility").as_array().size() == 6);
    for (const auto& value : all.at("credibility").as_array()) {
        const auto& vector = value.as_object();
        INFO(text(vector, "name"));
        CHECK(credibility(ratings_of(vector)).value == number(vector, "cr"));
    }
}

TEST_CASE("trust as in the vectors: one credential per issuer and type") {
    const auto all = vectors();
    for (const auto& value : all.at("trust").as_array()) {
        const auto& vector = value.as_object();
        INFO(text(vector, "name"));
        std::vector<Identifier> identifiers;
        for (const auto& one : vector.at("vi").as_array())
            identifiers.push_back({.issuer = text(one.as_object(), "issuer"),
                                   .type = text(one.as_object(), "type"),
                                   .weight = number(one.as_object(), "vi")});
        CHECK(rules::trust_score(number(vector, "cr"), rules::reputation(identifiers)) == number(vector, "ts"));
    }
}

TEST_CASE("without a prior and with unit raters, credibility is the paper's, scaled") {
    // Cr = Cr_paper / (2 I(u)): four transactions, the rater's value 1: sum of S + TR = 1 + 2 + 0 + 1 of 8.
    const rules::CredibilityRules no_prior{.lambda = 500'000, .c0 = 500'000, .prior_weight = 0};
    const std::vector<Rating> ratings = {
        {.rater = "a", .rater_trust = 1'000'000, .outcome = 1'000'000, .opinion = 0},
        {.rater = "b", .rater_trust = 1'000'000, .outcome = 1'000'000, .opinion = 1'000'000},
        {.rater = "c", .rater_trust = 1'000'000, .outcome = 0, .opinion = 0},
        {.rater = "d", .rater_trust = 1'000'000, .outcome = 0, .opinion = 1'000'000}};
    CHECK(credibility(ratings, no_prior).value == 500'000);
    CHECK(credibility(ratings, no_prior).confidence == 4'000'000);
    CHECK(credibility({}, no_prior).value == 500'000);
}

TEST_CASE("identifiers are worth one at most") {
    const std::vector<Identifier> identifiers = {{.issuer = "a", .type = "t", .weight = 900'000},
                                                 {.issuer = "b", .type = "t", .weight = 900'000}};
    CHECK(rules::reputation(identifiers) == 1'000'000);
    CHECK(rules::reputation({}) == 0);
}

}  // namespace fairstream::chaincode::tests
