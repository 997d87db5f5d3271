#include "marketplace_dapp/api/reads.hpp"

#include <boost/json/array.hpp>
#include <charconv>

#include "identity/did/did_key.hpp"
#include "marketplace_dapp/api/identifiers.hpp"
#include "marketplace_dapp/api/offer_search.hpp"
#include "marketplace_dapp/api/read_rows.hpp"

namespace fairstream::marketplace_dapp::api {

namespace json = boost::json;
using events::Row;

namespace {

/// Columns as offer_search.hpp names them, from `body` on.
json::object offer_from(const Row& row, std::size_t body) {
    auto offer = document(row[body]);
    offer["batches"] = integer(row[body + 1]);
    offer["seller_trust"] = integer(row[body + 2]);
    offer["seller_verified"] = truth(row[body + 3]);
    return offer;
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

Answer Reads::storage(const std::string& id) {
    if (!is_record_id(id)) return no_such("offer", id);
    FS_ASSIGN(const auto rows, database_.query("SELECT stream_id, stream_hash FROM market.offers WHERE id = $1", {id}));
    if (rows.empty()) return no_such("offer", id);
    const auto hash = text(rows.front()[1]);
    FS_ASSIGN(const auto said, database_.query("SELECT operator, through, head, said_at_us FROM dapp.operator_marks "
                                               "WHERE stream = $1 ORDER BY operator LIMIT 1000",
                                               {hash}));
    json::array marks;
    for (const auto& mark : said)
        marks.push_back({{"operator", text(mark[0])},
                         {"through", integer(mark[1])},
                         {"head", text(mark[2])},
                         {"said_at", time(mark[3])}});
    return json::object{
        {"offer", id}, {"stream", text(rows.front()[0])}, {"stream_hash", hash}, {"marks", std::move(marks)}};
}

Answer Reads::purchase(const std::string& id) {
    if (!is_record_id(id)) return no_such("purchase", id);
    FS_ASSIGN(const auto rows,
              database_.query(std::string("SELECT ") + kPurchaseColumns + kFromPurchases + " WHERE p.id = $1", {id}));
    if (rows.empty()) return no_such("purchase", id);
    return purchase_from(rows.front(), 0);
}

Answer Reads::balance(const std::string& account) {
    if (!is_account(account)) return no_such("account", account);
    // Every account there can be has a balance; one that nothing was ever paid to has none of it.
    FS_ASSIGN(const auto rows,
              database_.query("SELECT (SELECT amount_micro FROM market.balances WHERE account = $1), height FROM "
                              "market.checkpoint",
                              {account}));
    if (rows.empty()) return no_such("account", account);
    return json::object{
        {"account", account}, {"balance_micro", integer(rows.front()[0])}, {"height", integer(rows.front()[1])}};
}

Answer Reads::actor(const std::string& did) {
    if (!is_account(did)) return no_such("actor", did);
    FS_ASSIGN(const auto rows,
              database_.query(std::string("SELECT ") + kActorColumns + kFromActors + " WHERE a.did = $1", {did}));
    if (rows.empty()) return no_such("actor", did);
    auto actor = actor_from(rows.front(), 0);
    FS_ASSIGN(const auto held, database_.query("SELECT issuer, type, weight, valid_until_us FROM market.identifiers "
                                               "WHERE did = $1 ORDER BY issuer, type",
                                               {did}));
    json::array identifiers;
    for (const auto& one : held)
        identifiers.push_back({{"issuer", text(one[0])},
                               {"type", text(one[1])},
                               {"weight", integer(one[2])},
                               {"valid_until", time(one[3])}});
    actor["identifiers"] = std::move(identifiers);
    return actor;
}

Answer Reads::block(const std::string& height) {
    std::int64_t wanted = 0;
    const auto [end, error] = std::from_chars(height.data(), height.data() + height.size(), wanted);
    if (error != std::errc{} || end != height.data() + height.size()) return no_such("block", height);
    FS_ASSIGN(const auto rows,
              database_.query(std::string("SELECT ") + kBlockColumns + " FROM market.blocks b WHERE b.height = $1",
                              {std::to_string(wanted)}));
    if (rows.empty()) return no_such("block", height);
    auto block = block_from(rows.front(), 0);
    FS_ASSIGN(const auto inside, database_.query("SELECT id, contract, function, code FROM market.transactions WHERE "
                                                 "block = $1 ORDER BY position",
                                                 {std::to_string(wanted)}));
    json::array transactions;
    for (const auto& one : inside)
        transactions.push_back(
            {{"id", text(one[0])}, {"contract", text(one[1])}, {"function", text(one[2])}, {"code", text(one[3])}});
    block["transactions"] = std::move(transactions);
    return block;
}

Answer Reads::transaction(const std::string& id) {
    if (!is_transaction_id(id)) return no_such("transaction", id);
    // An id may have been seen before the time that it was used up: that one counts.
    FS_ASSIGN(const auto rows, database_.query(std::string("SELECT ") + kTransactionColumns + kFromTransactions +
                                                   " WHERE t.id = $1 ORDER BY t.code = 'refused', t.block LIMIT 1",
                                               {id}));
    if (rows.empty()) return no_such("transaction", id);
    const auto& row = rows.front();
    auto transaction = transaction_from(row, 0);
    FS_ASSIGN(const auto told, database_.query("SELECT contract, name, payload FROM market.told WHERE block = $1 AND "
                                               "position = $2 ORDER BY number",
                                               {text(row[1]), text(row[2])}));
    json::array events;
    for (const auto& one : told)
        events.push_back({{"contract", text(one[0])}, {"name", text(one[1])}, {"payload", document(one[2])}});
    transaction["events"] = std::move(events);
    return transaction;
}

Result<std::uint64_t> Reads::height() {
    FS_ASSIGN(const auto rows, database_.query("SELECT height FROM market.checkpoint"));
    return rows.empty() ? 0 : static_cast<std::uint64_t>(integer(rows.front()[0]));
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
