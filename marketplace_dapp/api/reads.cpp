#include "marketplace_dapp/api/reads.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <charconv>

#include "base/clock.hpp"
#include "identity/did/did_key.hpp"
#include "marketplace_dapp/api/identifiers.hpp"
#include "marketplace_dapp/api/offer_search.hpp"

namespace fairstream::marketplace_dapp::api {

namespace json = boost::json;
using events::Row;

namespace {

std::int64_t integer(const std::optional<std::string>& field) {
    std::int64_t value = 0;
    if (field) std::from_chars(field->data(), field->data() + field->size(), value);
    return value;
}
double number(const std::optional<std::string>& field) {
    double value = 0;
    if (field) std::from_chars(field->data(), field->data() + field->size(), value);
    return value;
}
bool truth(const std::optional<std::string>& field) {
    return field == "t";
}
std::string text(const std::optional<std::string>& field) {
    return field.value_or("");
}
std::string time(const std::optional<std::string>& us) {
    return base::to_rfc3339(base::from_us(static_cast<std::uint64_t>(integer(us))));
}
/// Written by the projection.
json::object document(const std::optional<std::string>& field) {
    json::error_code error;
    auto value = json::parse(field.value_or("{}"), error);
    return error || !value.is_object() ? json::object{} : std::move(value.as_object());
}

/// Columns as offer_search.hpp names them, from `body` on.
json::object offer_from(const Row& row, std::size_t body) {
    auto offer = document(row[body]);
    offer["batches"] = integer(row[body + 1]);
    offer["seller_trust"] = integer(row[body + 2]);
    offer["seller_verified"] = truth(row[body + 3]);
    return offer;
}

std::string state_of(bool refunded, bool settled, std::int64_t delivered, bool released) {
    if (refunded) return "refunded";
    if (settled) return "settled";
    if (delivered > 0) return "delivering";
    return released ? "released" : "escrowed";
}

}  // namespace

Answer Reads::offers(const Query& query) {
    FS_ASSIGN(const auto search, OfferSearch::parse(query));
    const auto statement = to_statement(search);
    FS_ASSIGN(auto rows, database_.query(statement.sql, statement.parameters));
    json::object page;
    const auto limit = static_cast<std::size_t>(search.limit);
    if (rows.size() > limit) {
        rows.resize(limit);
        page["next"] = to_cursor(text(rows.back()[1]), text(rows.back()[0]));
    }
    json::array offers;
    for (const auto& row : rows) {
        auto offer = offer_from(row, 2);
        if (row[6]) offer["distance_km"] = number(row[6]);
        offers.push_back(std::move(offer));
    }
    page["offers"] = std::move(offers);
    return page;
}

Answer Reads::offer(const std::string& id) {
    if (!is_record_id(id)) return no_such("offer", id);
    FS_ASSIGN(const auto rows,
              database_.query("SELECT o.body, (SELECT coalesce(max(number), 0) FROM market.batches b WHERE "
                              "b.offer = o.id), s.trust_score, s.verified FROM market.offers o LEFT JOIN "
                              "market.standings s ON s.did = o.seller WHERE o.id = $1",
                              {id}));
    if (rows.empty()) return no_such("offer", id);
    auto offer = offer_from(rows.front(), 0);
    FS_ASSIGN(const auto batches,
              database_.query("SELECT body FROM market.batches WHERE offer = $1 ORDER BY number DESC LIMIT 100", {id}));
    json::array newest;
    for (const auto& row : batches) newest.push_back(document(row[0]));
    offer["newest_batches"] = std::move(newest);
    return offer;
}

Answer Reads::purchase(const std::string& id) {
    if (!is_record_id(id)) return no_such("purchase", id);
    FS_ASSIGN(const auto rows,
              database_.query("SELECT p.body, p.paid_micro, p.delivered_entries, p.settled, p.refunded_micro, (SELECT "
                              "count(*) FROM market.releases r WHERE r.purchase = p.id), d.threshold FROM "
                              "market.purchases p LEFT JOIN market.dealings d ON d.stream_id = p.stream_id AND "
                              "d.key_epoch = p.key_epoch WHERE p.id = $1",
                              {id}));
    if (rows.empty()) return no_such("purchase", id);
    const auto& row = rows.front();
    auto purchase = document(row[0]);
    const auto releases = integer(row[5]);
    const auto threshold = integer(row[6]);
    purchase["state"] = state_of(row[4].has_value(), truth(row[3]), integer(row[2]), row[6] && releases >= threshold);
    purchase["paid_micro"] = integer(row[1]);
    purchase["delivered_entries"] = integer(row[2]);
    purchase["refunded_micro"] = integer(row[4]);
    purchase["releases"] = releases;
    purchase["threshold"] = threshold;
    return purchase;
}

Answer Reads::balance(const std::string& account) {
    if (!is_account(account)) return no_such("account", account);
    // Every account there can be has a balance; one that nothing was ever paid to has none of it.
    FS_ASSIGN(const auto rows,
              database_.query("SELECT (SELECT amount_micro FROM market.balances WHERE account = $1), height FROM "
                              "market.checkpoint",
                              {account}));
    if (rows.empty()) return no_such("account", account);
    FS_ASSIGN(const auto moved,
              database_.query("SELECT time_us, sender, recipient, amount_micro, memo FROM ((SELECT * FROM "
                              "market.transfers WHERE sender = $1 ORDER BY block DESC, position DESC, event DESC LIMIT "
                              "50) UNION (SELECT * FROM market.transfers WHERE recipient = $1 ORDER BY block DESC, "
                              "position DESC, event DESC LIMIT 50)) t ORDER BY block DESC, position DESC, event DESC "
                              "LIMIT 50",
                              {account}));
    json::array transfers;
    for (const auto& row : moved)
        transfers.push_back({{"at", time(row[0])},
                             {"from", text(row[1])},
                             {"to", text(row[2])},
                             {"amount_micro", integer(row[3])},
                             {"memo", text(row[4])}});
    return json::object{{"account", account},
                        {"balance_micro", integer(rows.front()[0])},
                        {"height", integer(rows.front()[1])},
                        {"newest_transfers", std::move(transfers)}};
}

Answer Reads::actor(const std::string& did) {
    if (!is_account(did)) return no_such("actor", did);
    FS_ASSIGN(const auto rows, database_.query("SELECT a.public_key, a.seller, a.client, a.credibility, "
                                               "a.registered_at_us, s.trust_score, s.verified FROM market.actors a "
                                               "JOIN market.standings s ON s.did = a.did WHERE a.did = $1",
                                               {did}));
    if (rows.empty()) return no_such("actor", did);
    const auto& row = rows.front();
    FS_ASSIGN(const auto held, database_.query("SELECT issuer, type, weight, valid_until_us FROM market.identifiers "
                                               "WHERE did = $1 ORDER BY issuer, type",
                                               {did}));
    json::array identifiers;
    for (const auto& one : held)
        identifiers.push_back({{"issuer", text(one[0])},
                               {"type", text(one[1])},
                               {"weight", integer(one[2])},
                               {"valid_until", time(one[3])}});
    return json::object{{"did", did},
                        {"public_key", text(row[0])},
                        {"seller", truth(row[1])},
                        {"client", truth(row[2])},
                        {"credibility", integer(row[3])},
                        {"registered_at", time(row[4])},
                        {"trust_score", integer(row[5])},
                        {"verified", truth(row[6])},
                        {"identifiers", std::move(identifiers)}};
}

Answer Reads::block(const std::string& height) {
    std::int64_t wanted = 0;
    const auto [end, error] = std::from_chars(height.data(), height.data() + height.size(), wanted);
    if (error != std::errc{} || end != height.data() + height.size()) return no_such("block", height);
    FS_ASSIGN(const auto rows,
              database_.query("SELECT hash, previous_hash, time_us, proposer, round, config_epoch FROM "
                              "market.blocks WHERE height = $1",
                              {std::to_string(wanted)}));
    if (rows.empty()) return no_such("block", height);
    const auto& row = rows.front();
    FS_ASSIGN(const auto inside, database_.query("SELECT id, contract, function, code FROM market.transactions WHERE "
                                                 "block = $1 ORDER BY position",
                                                 {std::to_string(wanted)}));
    json::array transactions;
    for (const auto& one : inside)
        transactions.push_back(
            {{"id", text(one[0])}, {"contract", text(one[1])}, {"function", text(one[2])}, {"code", text(one[3])}});
    return json::object{{"height", wanted},
                        {"hash", text(row[0])},
                        {"previous_hash", text(row[1])},
                        {"time", time(row[2])},
                        {"proposer", text(row[3])},
                        {"round", integer(row[4])},
                        {"config_epoch", integer(row[5])},
                        {"transactions", std::move(transactions)}};
}

Answer Reads::transaction(const std::string& id) {
    if (!is_transaction_id(id)) return no_such("transaction", id);
    // An id may have been seen before the time that it was used up: that one counts.
    FS_ASSIGN(const auto rows,
              database_.query("SELECT t.block, t.position, t.contract, t.function, t.creator, t.code, t.reason, "
                              "t.created_at_us, t.events, b.time_us FROM market.transactions t JOIN market.blocks b ON "
                              "b.height = t.block WHERE t.id = $1 ORDER BY t.code = 'refused', t.block LIMIT 1",
                              {id}));
    if (rows.empty()) return no_such("transaction", id);
    const auto& row = rows.front();
    json::error_code error;
    auto events = json::parse(text(row[8]), error);
    return json::object{{"id", id},
                        {"block", integer(row[0])},
                        {"position", integer(row[1])},
                        {"contract", text(row[2])},
                        {"function", text(row[3])},
                        {"creator", text(row[4])},
                        {"code", text(row[5])},
                        {"reason", text(row[6])},
                        {"created_at", time(row[7])},
                        {"time", time(row[9])},
                        {"events", error ? json::value(json::array{}) : std::move(events)}};
}

Answer Reads::operators() {
    FS_ASSIGN(const auto rows,
              database_.query("SELECT name, organisation, did, mqtt_url, https_url, region, "
                              "capacity_bytes, active FROM market.operators ORDER BY name LIMIT 1000"));
    json::array operators;
    for (const auto& row : rows)
        operators.push_back({{"name", text(row[0])},
                             {"organisation", text(row[1])},
                             {"did", text(row[2])},
                             {"mqtts", text(row[3])},
                             {"https", text(row[4])},
                             {"region", text(row[5])},
                             {"capacity_bytes", integer(row[6])},
                             {"active", truth(row[7])}});
    return json::object{{"operators", std::move(operators)}};
}

Status Reads::check() {
    FS_TRY(database_.query("SELECT 1"));
    return {};
}

Answer resolve(const std::string& did) {
    if (!did.starts_with("did:")) return fail("invalid_did", "a DID begins with did:");
    if (!did.starts_with("did:key:"))
        return fail("method_not_supported", "this market's actors have a did:key; others are not resolved here");
    const auto key = identity::did::key_from_did(did);
    if (!key || did.find('#') != std::string::npos)
        return fail("invalid_did", key ? "a DID URL, not a DID" : key.error().message);
    return json::object{{"@context", "https://w3id.org/did-resolution/v1"},
                        {"didDocument", identity::did::document(did, *key)},
                        {"didResolutionMetadata", {{"contentType", "application/did+ld+json"}}},
                        {"didDocumentMetadata", json::object{}}};
}

}  // namespace fairstream::marketplace_dapp::api
