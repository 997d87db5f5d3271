#include "marketplace_dapp/events/records.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>

#include "base/clock.hpp"
#include "base/encoding.hpp"

namespace fairstream::marketplace_dapp::events {

namespace schema = chaincode::schema;
namespace json = boost::json;

namespace {

constexpr double kPerDegree = 1e7;

std::string hex(const std::string& bytes) {
    return base::to_hex(as_bytes(bytes));
}
std::string time(std::uint64_t us) {
    return base::to_rfc3339(base::from_us(us));
}

json::object to_json(const schema::Terms& terms) {
    json::object out{
        {"verified_only", terms.verified_only()}, {"minimum_trust", terms.minimum_trust()}, {"resale", terms.resale()}};
    if (terms.licence().empty()) return out;
    json::error_code error;
    auto licence = json::parse(terms.licence(), error);
    if (!error) out["licence"] = std::move(licence);
    return out;
}

json::object to_json(const schema::Window& window) {
    json::object out{{"from", time(window.from_us())}, {"until", time(window.until_us())}, {"count", window.count()}};
    if (!window.after().empty()) out["after"] = window.after();
    return out;
}

}  // namespace

json::object to_json(const schema::Offer& offer) {
    const auto& draft = offer.draft();
    json::array tags(draft.tags().begin(), draft.tags().end());
    json::object out{{"id", offer.id()},
                     {"seller", offer.seller()},
                     {"topic", draft.topic()},
                     {"mode", draft.mode()},
                     {"price_micro", draft.price_micro()},
                     {"title", draft.title()},
                     {"description", draft.description()},
                     {"tags", std::move(tags)},
                     {"content_type", draft.content_type()},
                     {"unit", draft.unit()},
                     {"stream", offer.stream_id()},
                     {"terms", to_json(draft.terms())},
                     {"created_at", time(offer.created_at_us())}};
    if (draft.window_s() > 0) out["window_s"] = draft.window_s();
    if (draft.has_place())
        out["place"] = {{"latitude", draft.place().latitude_e7() / kPerDegree},
                        {"longitude", draft.place().longitude_e7() / kPerDegree}};
    return out;
}

json::object to_json(const schema::Batch& batch) {
    json::object out{{"number", batch.number()},
                     {"name", batch.name()},
                     {"first_sequence", batch.first_sequence()},
                     {"last_sequence", batch.last_sequence()},
                     {"key_epoch", batch.key_epoch()},
                     {"bytes", batch.plaintext_bytes()},
                     {"merkle_root", hex(batch.merkle_root())},
                     {"sigma_d", hex(batch.sigma_d())},
                     {"manifest_root", hex(batch.manifest_root())},
                     {"recorded_at", time(batch.recorded_at_us())}};
    if (batch.until_us() > 0) {
        out["from"] = time(batch.from_us());
        out["until"] = time(batch.until_us());
    }
    return out;
}

json::object to_json(const schema::Purchase& purchase) {
    const auto& agreement = purchase.agreement();
    const auto& deadlines = purchase.deadlines();
    json::object out{{"id", purchase.id()},
                     {"request_id", purchase.request_id()},
                     {"offer", agreement.offer()},
                     {"buyer", purchase.buyer()},
                     {"seller", agreement.seller()},
                     {"price_micro", agreement.price_micro()},
                     {"commission", agreement.commission()},
                     {"operator_share", agreement.operator_share()},
                     {"terms", to_json(agreement.terms())},
                     {"stream", purchase.stream_id()},
                     {"grant", purchase.grant()},
                     {"public_key", hex(purchase.public_key())},
                     {"buyer_key", hex(purchase.buyer_key())},
                     {"made_at", time(agreement.made_at_us())},
                     {"deadlines",
                      {{"release", time(deadlines.release_us())},
                       {"delivery", time(deadlines.delivery_us())},
                       {"claim", time(deadlines.claim_us())},
                       {"challenge", time(deadlines.challenge_us())},
                       {"refund", time(deadlines.refund_us())}}}};
    if (purchase.has_batch()) out["batch"] = to_json(purchase.batch());
    if (purchase.has_window()) out["window"] = to_json(purchase.window());
    return out;
}

json::object to_json(const schema::DealingRecord& dealing) {
    json::array commitments, roster;
    for (const auto& one : dealing.commitments()) commitments.emplace_back(hex(one));
    for (int i = 0; i < std::min(dealing.organisations_size(), dealing.custodian_keys_size()); ++i)
        roster.push_back(
            {{"organisation", dealing.organisations(i)}, {"custodian_key", hex(dealing.custodian_keys(i))}});
    return {{"stream", dealing.stream_id()},
            {"key_epoch", dealing.key_epoch()},
            {"seller", dealing.seller()},
            {"threshold", dealing.threshold()},
            {"commitments", std::move(commitments)},
            {"key_check_value", hex(dealing.key_check_value())},
            {"roster", std::move(roster)},
            {"dealt_at", time(dealing.dealt_at_us())}};
}

json::object to_json(const schema::GetReleasesReply& reply) {
    json::array releases;
    for (const auto& record : reply.releases()) {
        const auto& release = record.release();
        releases.push_back({{"index", record.index()},
                            {"a", hex(release.a())},
                            {"b", hex(release.b())},
                            {"c", hex(release.c())},
                            {"s", hex(release.s())},
                            {"u", hex(release.u())}});
    }
    return {{"enough", reply.dealing().threshold() > 0 &&
                           static_cast<std::uint32_t>(reply.releases_size()) >= reply.dealing().threshold()},
            {"dealing", to_json(reply.dealing())},
            {"releases", std::move(releases)}};
}

json::object to_json(const schema::Operator& entry) {
    return {{"name", entry.name()},
            {"organisation", entry.organisation()},
            {"did", entry.did()},
            {"mqtts", entry.mqtt_url()},
            {"https", entry.https_url()},
            {"region", entry.region()},
            {"capacity_bytes", entry.capacity_bytes()},
            {"active", entry.active()}};
}

json::object to_json(const schema::GrantReply& reply) {
    const auto& grant = reply.grant();
    json::array operators;
    for (const auto& entry : reply.operators()) operators.push_back(to_json(entry));
    json::object out{{"id", grant.id()},
                     {"kind", grant.kind() == schema::UPLOAD ? "upload" : "download"},
                     {"holder", grant.holder()},
                     {"holder_key", hex(grant.holder_key())},
                     {"stream", grant.stream_id()},
                     {"offer", grant.offer()},
                     {"not_before", time(grant.not_before_us())},
                     {"expires", time(grant.expires_us())},
                     {"revoked", grant.revoked()},
                     {"active", reply.active()},
                     {"why_not", reply.why_not()},
                     {"operators", std::move(operators)}};
    if (grant.kind() != schema::DOWNLOAD) return out;
    out["purchase"] = grant.purchase();
    out["first_sequence"] = grant.first_sequence();
    out["last_sequence"] = grant.last_sequence();
    out["receipt_window"] = grant.receipt_window();
    if (grant.until_us() > 0) {
        out["from"] = time(grant.from_us());
        out["until"] = time(grant.until_us());
    }
    return out;
}

std::string harmless(const std::string& text, std::size_t max_bytes) {
    auto end = std::min(text.size(), max_bytes);
    while (end < text.size() && end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80)
        --end;  // whole runes
    auto out = text.substr(0, end);
    for (auto& c : out)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    return out;
}

}  // namespace fairstream::marketplace_dapp::events
