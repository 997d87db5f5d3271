#include "marketplace_dapp/client/record_json.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>

#include "base/clock.hpp"
#include "base/encoding.hpp"

namespace fairstream::marketplace_dapp::client {

namespace schema = chaincode::schema;
namespace json = boost::json;

namespace {

constexpr double kPerDegree = 1e7;

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
    json::object out{
        {"from", time_of(window.from_us())}, {"until", time_of(window.until_us())}, {"count", window.count()}};
    if (!window.after().empty()) out["after"] = window.after();
    return out;
}

}  // namespace

std::string hex_of(const std::string& bytes) {
    return base::to_hex(as_bytes(bytes));
}

std::string time_of(std::uint64_t us) {
    return base::to_rfc3339(base::from_us(us));
}

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
                     {"created_at", time_of(offer.created_at_us())}};
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
                     {"merkle_root", hex_of(batch.merkle_root())},
                     {"sigma_d", hex_of(batch.sigma_d())},
                     {"manifest_root", hex_of(batch.manifest_root())},
                     {"recorded_at", time_of(batch.recorded_at_us())}};
    if (batch.until_us() > 0) {
        out["from"] = time_of(batch.from_us());
        out["until"] = time_of(batch.until_us());
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
                     {"public_key", hex_of(purchase.public_key())},
                     {"buyer_key", hex_of(purchase.buyer_key())},
                     {"made_at", time_of(agreement.made_at_us())},
                     {"deadlines",
                      {{"release", time_of(deadlines.release_us())},
                       {"delivery", time_of(deadlines.delivery_us())},
                       {"claim", time_of(deadlines.claim_us())},
                       {"challenge", time_of(deadlines.challenge_us())},
                       {"refund", time_of(deadlines.refund_us())}}}};
    if (purchase.has_batch()) out["batch"] = to_json(purchase.batch());
    if (purchase.has_window()) out["window"] = to_json(purchase.window());
    return out;
}

json::object to_json(const schema::DealingRecord& dealing) {
    json::array commitments, roster;
    for (const auto& one : dealing.commitments()) commitments.emplace_back(hex_of(one));
    for (int i = 0; i < std::min(dealing.organisations_size(), dealing.custodian_keys_size()); ++i)
        roster.push_back(
            {{"organisation", dealing.organisations(i)}, {"custodian_key", hex_of(dealing.custodian_keys(i))}});
    return {{"stream", dealing.stream_id()},
            {"key_epoch", dealing.key_epoch()},
            {"seller", dealing.seller()},
            {"threshold", dealing.threshold()},
            {"commitments", std::move(commitments)},
            {"key_check_value", hex_of(dealing.key_check_value())},
            {"roster", std::move(roster)},
            {"dealt_at", time_of(dealing.dealt_at_us())}};
}

json::object to_json(const schema::GetReleasesReply& reply) {
    json::array releases;
    for (const auto& record : reply.releases()) {
        const auto& release = record.release();
        releases.push_back({{"index", record.index()},
                            {"a", hex_of(release.a())},
                            {"b", hex_of(release.b())},
                            {"c", hex_of(release.c())},
                            {"s", hex_of(release.s())},
                            {"u", hex_of(release.u())}});
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
                     {"holder_key", hex_of(grant.holder_key())},
                     {"stream", grant.stream_id()},
                     {"offer", grant.offer()},
                     {"not_before", time_of(grant.not_before_us())},
                     {"expires", time_of(grant.expires_us())},
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
        out["from"] = time_of(grant.from_us());
        out["until"] = time_of(grant.until_us());
    }
    return out;
}

}  // namespace fairstream::marketplace_dapp::client
