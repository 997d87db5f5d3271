#include "chaincode/marketplace/draft.hpp"

#include <boost/json/parse.hpp>

#include "chaincode/rules/amounts.hpp"
#include "chaincode/rules/arguments.hpp"

namespace fairstream::chaincode::marketplace {

namespace {

constexpr std::size_t kMaxLicenceBytes = 8u << 10;
constexpr std::size_t kMaxLicenceDepth = 16;
constexpr std::size_t kMaxTitleBytes = 200;
constexpr std::size_t kMaxDescriptionBytes = 4u << 10;
constexpr std::size_t kMaxTagBytes = 32;
constexpr std::size_t kMaxContentTypeBytes = 100;
constexpr std::size_t kMaxUnitBytes = 32;
constexpr int kMaxTags = 16;
constexpr std::int64_t kDegree = 10'000'000;
constexpr std::int64_t kMinWindowSeconds = 10;
constexpr std::int64_t kMaxWindowSeconds = 31 * 24 * 3600;

Status check_topic(std::string_view topic) {
    FS_TRY(rules::check_word("topic", topic, 1, kMaxTopicBytes, kTopicCharacters));
    if (topic.front() == '/' || topic.back() == '/' || topic.find("//") != std::string_view::npos)
        return fail("bad_arguments", "topic: no leading, trailing or double '/'");
    return {};
}

/// A policy that machines can read later must at least be one JSON object today.
Status check_licence(std::string_view licence) {
    if (licence.empty()) return {};
    if (licence.size() > kMaxLicenceBytes) return fail("bad_licence", "licence: larger than 8 KiB");
    boost::json::parse_options options;
    options.max_depth = kMaxLicenceDepth;
    boost::json::error_code error;
    const auto value = boost::json::parse({licence.data(), licence.size()}, error, {}, options);
    if (error || !value.is_object()) return fail("bad_licence", "licence: not a JSON object (ODRL policy)");
    return {};
}

Status check_mode(const schema::OfferDraft& draft) {
    if (draft.mode() == kOneOff) return rules::check_range("window_s", draft.window_s(), 0, 0);
    if (draft.mode() == kStream)
        return rules::check_range("window_s", draft.window_s(), kMinWindowSeconds, kMaxWindowSeconds);
    return fail("unknown_mode", "mode: 'one-off' and 'stream' are the modes there are");
}

Status check_place(const schema::Place& place) {
    FS_TRY(rules::check_range("latitude_e7", place.latitude_e7(), -90 * kDegree, 90 * kDegree));
    return rules::check_range("longitude_e7", place.longitude_e7(), -180 * kDegree, 180 * kDegree);
}

}  // namespace

Status check_draft(const schema::OfferDraft& draft) {
    FS_TRY(check_topic(draft.topic()));
    FS_TRY(check_mode(draft));
    FS_TRY(rules::check_range("price_micro", draft.price_micro(), 1, rules::kMaxPrice));
    FS_TRY(rules::check_range("minimum_trust", draft.terms().minimum_trust(), 0, rules::kOne));
    FS_TRY(check_licence(draft.terms().licence()));
    FS_TRY(rules::check_text("title", draft.title(), 0, kMaxTitleBytes));
    FS_TRY(rules::check_long_text("description", draft.description(), kMaxDescriptionBytes));
    FS_TRY(rules::check_range("tags", draft.tags_size(), 0, kMaxTags));
    for (const auto& tag : draft.tags()) FS_TRY(rules::check_text("tag", tag, 1, kMaxTagBytes));
    FS_TRY(rules::check_text("content_type", draft.content_type(), 0, kMaxContentTypeBytes));
    FS_TRY(rules::check_text("unit", draft.unit(), 0, kMaxUnitBytes));
    return draft.has_place() ? check_place(draft.place()) : Status{};
}

}  // namespace fairstream::chaincode::marketplace
