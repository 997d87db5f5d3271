#include "marketplace_dapp/events/read_model.hpp"

#include <boost/json/serialize.hpp>

namespace fairstream::marketplace_dapp::events {

namespace json = boost::json;

namespace {

constexpr char kVersion[] = "2";  // of the tables below: others are dropped and made again from the chain

/// `issuers.types` empty: any.
constexpr char kTables[] = R"sql(
CREATE SCHEMA market;
SET LOCAL search_path TO market;
CREATE TABLE checkpoint (network text NOT NULL, version text NOT NULL, height int8 NOT NULL, block_hash text NOT NULL);
CREATE TABLE blocks (height int8 PRIMARY KEY, hash text NOT NULL, previous_hash text NOT NULL, time_us int8 NOT NULL,
    proposer text NOT NULL, round int8 NOT NULL, config_epoch int8 NOT NULL, transactions int8 NOT NULL);
CREATE TABLE transactions (block int8, position int8, id text, contract text, function text, creator text,
    code text NOT NULL, reason text NOT NULL, created_at_us int8, PRIMARY KEY (block, position));
CREATE INDEX ON transactions (id);
CREATE INDEX ON transactions (creator, block, position);
CREATE TABLE told (block int8, position int8, number int8, time_us int8 NOT NULL, contract text NOT NULL,
    name text NOT NULL, subject text NOT NULL, payload text NOT NULL, PRIMARY KEY (block, position, number));
CREATE INDEX ON told (subject, block, position, number) WHERE subject <> '';
CREATE TABLE issuers (did text PRIMARY KEY, name text NOT NULL, weight int8 NOT NULL, types text[] NOT NULL,
    active boolean NOT NULL);
CREATE TABLE actors (did text PRIMARY KEY, public_key text NOT NULL, seller boolean NOT NULL, client boolean NOT NULL,
    credibility int8 NOT NULL, registered_at_us int8 NOT NULL);
CREATE TABLE identifiers (did text, issuer text, type text, weight int8 NOT NULL, valid_until_us int8 NOT NULL,
    PRIMARY KEY (did, issuer, type));
CREATE TABLE scores (did text PRIMARY KEY, epoch int8 NOT NULL, credibility int8 NOT NULL, confidence int8 NOT NULL);
CREATE TABLE operators (name text PRIMARY KEY, organisation text NOT NULL, did text NOT NULL, mqtt_url text NOT NULL,
    https_url text NOT NULL, region text NOT NULL, capacity_bytes numeric NOT NULL, active boolean NOT NULL);
CREATE TABLE offers (id text PRIMARY KEY, seller text NOT NULL, topic text NOT NULL, mode text NOT NULL,
    price_micro int8 NOT NULL, title text NOT NULL, description text NOT NULL, words text NOT NULL,
    latitude float8, longitude float8, created_at_us int8 NOT NULL, stream_id text NOT NULL, stream_hash text NOT NULL,
    body text NOT NULL, document tsvector GENERATED ALWAYS AS (setweight(to_tsvector('english', title), 'A') ||
        setweight(to_tsvector('english', words), 'B') || setweight(to_tsvector('english', description), 'C')) STORED);
CREATE INDEX ON offers USING gin (document);
CREATE INDEX ON offers USING gist (point(longitude, latitude));
CREATE INDEX ON offers (topic text_pattern_ops);
CREATE INDEX ON offers (price_micro);
CREATE INDEX ON offers (seller);
CREATE INDEX ON offers (stream_hash);
CREATE INDEX ON offers ((-created_at_us::float8), id);
CREATE TABLE batches (offer text, number int8, body text NOT NULL, PRIMARY KEY (offer, number));
CREATE TABLE dealings (stream_id text, key_epoch int8, threshold int8 NOT NULL, PRIMARY KEY (stream_id, key_epoch));
CREATE TABLE key_epochs (stream_id text, number int8, opened_at_us int8 NOT NULL, closed_at_us int8, batch int8,
    PRIMARY KEY (stream_id, number));
CREATE TABLE purchases (id text PRIMARY KEY, block int8 NOT NULL, position int8 NOT NULL, offer text NOT NULL,
    buyer text NOT NULL, seller text NOT NULL, stream_id text NOT NULL, key_epoch int8 NOT NULL, by_time boolean NOT NULL,
    release_us int8 NOT NULL, refund_us int8 NOT NULL, body text NOT NULL, paid_micro int8 NOT NULL DEFAULT 0,
    delivered_entries int8 NOT NULL DEFAULT 0, released boolean NOT NULL DEFAULT false,
    settled boolean NOT NULL DEFAULT false, refunded_micro int8,
    refundable_us int8 GENERATED ALWAYS AS (CASE WHEN by_time OR released THEN refund_us ELSE release_us END) STORED,
    state text GENERATED ALWAYS AS (CASE WHEN refunded_micro IS NOT NULL THEN 'refunded' WHEN settled THEN 'settled'
        WHEN delivered_entries > 0 THEN 'delivering' WHEN released THEN 'released' ELSE 'escrowed' END) STORED);
CREATE INDEX ON purchases (block, position);
CREATE INDEX ON purchases (buyer, block, position);
CREATE INDEX ON purchases (seller, block, position);
CREATE INDEX ON purchases (offer, block, position);
CREATE INDEX ON purchases (state, block, position);
CREATE INDEX ON purchases (refundable_us) WHERE refunded_micro IS NULL AND NOT settled;
CREATE TABLE releases (purchase text, key_epoch int8, position int8, PRIMARY KEY (purchase, key_epoch, position));
CREATE TABLE transfers (block int8, position int8, event int8, time_us int8 NOT NULL, sender text NOT NULL,
    recipient text NOT NULL, amount_micro int8 NOT NULL, memo text NOT NULL, PRIMARY KEY (block, position, event));
CREATE INDEX ON transfers (sender, block, position, event);
CREATE INDEX ON transfers (recipient, block, position, event);
CREATE TABLE balances (account text PRIMARY KEY, amount_micro int8 NOT NULL);
)sql";

/// An actor's standing changes with time and with the issuers that are trusted, so it is computed when read, as the
/// contract `actors` does: credibility times the weight of unexpired identifiers of trusted issuers, which clients have
/// a floor of. Two views say the same: `standings` is quick for one actor, `all_standings` for all of them.
std::string standing_views() {
    const std::string worth =
        "SELECT i.did, sum(i.weight)::int8 AS worth FROM market.identifiers i JOIN market.issuers s ON s.did = "
        "i.issuer "
        "WHERE s.active AND (cardinality(s.types) = 0 OR i.type = ANY (s.types)) AND "
        "i.valid_until_us > (extract(epoch FROM now()) * 1000000)::int8";
    const auto view = [](const std::string& name, const std::string& join) {
        return "CREATE VIEW market." + name +
               " AS SELECT a.did, coalesce(c.credibility, a.credibility) AS credibility, coalesce(c.credibility, "
               "a.credibility) * least(1000000, greatest(coalesce(v.worth, 0), CASE WHEN a.client THEN 100000 ELSE 0 "
               "END)) / 1000000 AS trust_score, coalesce(c.confidence, 0) AS confidence, v.did IS NOT NULL AS verified "
               "FROM market.actors a LEFT JOIN market.scores c ON c.did = a.did LEFT JOIN " +
               join + ";\n";
    };
    return view("standings", "LATERAL (" + worth + " AND i.did = a.did GROUP BY i.did) v ON true") +
           view("all_standings", "(" + worth + " GROUP BY i.did) v ON v.did = a.did");
}

/// What is not made from the chain, and stays when the read model is made again.
constexpr char kOwnTables[] = R"sql(
CREATE SCHEMA IF NOT EXISTS dapp;
CREATE TABLE IF NOT EXISTS dapp.idempotency_keys (creator text, key text, transaction text NOT NULL,
    expires_us int8 NOT NULL, PRIMARY KEY (creator, key));
CREATE INDEX IF NOT EXISTS idempotency_keys_expiry ON dapp.idempotency_keys (expires_us);
CREATE TABLE IF NOT EXISTS dapp.operator_marks (operator text, stream text, through int8 NOT NULL, head text NOT NULL,
    said_at_us int8 NOT NULL, PRIMARY KEY (stream, operator));
)sql";

/// Inserts rows, an array of objects, whose members are named like `columns`.
void insert(Database::Work& work, const std::string& table, const std::string& columns, json::array rows,
            const std::string& on_conflict = "") {
    if (rows.empty()) return;
    work.run("INSERT INTO market." + table + " (" + columns + ") SELECT " + columns +
                 " FROM json_populate_recordset(NULL::market." + table + ", $1::json) " + on_conflict,
             {json::serialize(rows)});
}

template <typename Value>
json::array values(const std::map<std::string, Value>& rows) {
    json::array out;
    for (const auto& [key, row] : rows) out.emplace_back(row);
    return out;
}

void apply_actors(Database::Work& work, const Projection& p) {
    insert(work, "issuers", "did, name, weight, types, active", values(p.issuers),
           "ON CONFLICT (did) DO UPDATE SET name = excluded.name, weight = excluded.weight, types = excluded.types, "
           "active = excluded.active");
    insert(work, "actors", "did, public_key, seller, client, credibility, registered_at_us", values(p.actors),
           "ON CONFLICT (did) DO UPDATE SET seller = excluded.seller, client = excluded.client, "
           "credibility = excluded.credibility");
    insert(work, "identifiers", "did, issuer, type, weight, valid_until_us", values(p.identifiers),
           "ON CONFLICT (did, issuer, type) DO UPDATE SET weight = excluded.weight, "
           "valid_until_us = excluded.valid_until_us");
    insert(work, "scores", "did, epoch, credibility, confidence", values(p.scores),
           "ON CONFLICT (did) DO UPDATE SET epoch = excluded.epoch, credibility = excluded.credibility, "
           "confidence = excluded.confidence");
    insert(work, "operators", "name, organisation, did, mqtt_url, https_url, region, capacity_bytes, active",
           values(p.operators),
           "ON CONFLICT (name) DO UPDATE SET organisation = excluded.organisation, did = excluded.did, "
           "mqtt_url = excluded.mqtt_url, https_url = excluded.https_url, region = excluded.region, "
           "capacity_bytes = excluded.capacity_bytes, active = excluded.active");
}

/// A purchase is released once as many custodians as needed have released one key epoch of it.
void apply_releases(Database::Work& work, const Projection& p) {
    if (p.releases.empty()) return;
    insert(work, "releases", "purchase, key_epoch, position", p.releases, "ON CONFLICT DO NOTHING");
    work.run(
        "UPDATE market.purchases p SET released = true FROM (SELECT r.purchase FROM market.releases r "
        "JOIN market.purchases q ON q.id = r.purchase "
        "JOIN market.dealings d ON d.stream_id = q.stream_id AND d.key_epoch = r.key_epoch "
        "WHERE r.purchase IN (SELECT purchase FROM json_populate_recordset(NULL::market.releases, $1::json)) "
        "GROUP BY r.purchase, r.key_epoch, d.threshold HAVING count(*) >= d.threshold) done "
        "WHERE p.id = done.purchase AND NOT p.released",
        {json::serialize(p.releases)});
}

void apply_market(Database::Work& work, const Projection& p) {
    insert(work, "offers",
           "id, seller, topic, mode, price_micro, title, description, words, latitude, longitude, created_at_us, "
           "stream_id, stream_hash, body",
           p.offers);
    insert(work, "batches", "offer, number, body", values(p.batches),
           "ON CONFLICT (offer, number) DO UPDATE SET body = excluded.body");
    insert(work, "dealings", "stream_id, key_epoch, threshold", p.dealings,
           "ON CONFLICT (stream_id, key_epoch) DO UPDATE SET threshold = excluded.threshold");
    insert(work, "key_epochs", "stream_id, number, opened_at_us", p.key_epochs, "ON CONFLICT DO NOTHING");
    if (!p.closed_epochs.empty())
        work.run(
            "UPDATE market.key_epochs k SET closed_at_us = n.closed_at_us, batch = n.batch "
            "FROM json_populate_recordset(NULL::market.key_epochs, $1::json) n "
            "WHERE n.stream_id = k.stream_id AND n.number = k.number",
            {json::serialize(values(p.closed_epochs))});
    insert(work, "purchases",
           "id, block, position, offer, buyer, seller, stream_id, key_epoch, by_time, release_us, refund_us, body",
           p.purchases);
    apply_releases(work, p);
    if (p.progress.empty()) return;
    work.run(
        "UPDATE market.purchases p SET paid_micro = coalesce(n.paid_micro, p.paid_micro), "
        "delivered_entries = coalesce(n.delivered_entries, p.delivered_entries), "
        "settled = coalesce(n.settled, p.settled), refunded_micro = coalesce(n.refunded_micro, p.refunded_micro) "
        "FROM json_populate_recordset(NULL::market.purchases, $1::json) n WHERE n.id = p.id",
        {json::serialize(values(p.progress))});
}

void apply_money(Database::Work& work, const Projection& p) {
    insert(work, "transfers", "block, position, event, time_us, sender, recipient, amount_micro, memo", p.transfers);
    json::array rows;
    for (const auto& [account, amount] : p.balances) rows.push_back({{"account", account}, {"amount_micro", amount}});
    insert(work, "balances", "account, amount_micro", std::move(rows),
           "ON CONFLICT (account) DO UPDATE SET amount_micro = balances.amount_micro + excluded.amount_micro");
}

}  // namespace

Result<ReadCheckpoint> open_read_model(Database& database, const std::string& network, bool rebuild) {
    ReadCheckpoint checkpoint;
    FS_TRY(database.transaction([&](Database::Work& work) {
        work.run(kOwnTables);
        bool usable = !rebuild && work.run("SELECT to_regclass('market.checkpoint')").front().front().has_value();
        if (usable) {
            const auto rows =
                work.run("SELECT height, block_hash FROM market.checkpoint WHERE network = $1 AND version = $2",
                         {network, kVersion});
            usable = rows.size() == 1;
            if (usable) checkpoint = {.height = std::stoull(*rows.front()[0]), .block_hash = *rows.front()[1]};
        }
        if (usable) return;
        work.run("DROP SCHEMA IF EXISTS market CASCADE");
        work.run(kTables);
        work.run(standing_views());
        work.run("INSERT INTO market.checkpoint VALUES ($1, $2, 0, '')", {network, kVersion});
    }));
    return checkpoint;
}

Status apply(Database& database, const Projection& projection, std::uint64_t after) {
    bool in_step = false;
    FS_TRY(database.transaction([&](Database::Work& work) {
        // A commit that a power cut takes back is made again from the chain: no need to wait for the disk.
        work.run("SET LOCAL synchronous_commit TO off");
        in_step = work.run("UPDATE market.checkpoint SET height = $1, block_hash = $2 WHERE height = $3 RETURNING 1",
                           {std::to_string(projection.height), projection.block_hash, std::to_string(after)})
                      .size() == 1;
        if (!in_step) return;
        insert(work, "blocks", "height, hash, previous_hash, time_us, proposer, round, config_epoch, transactions",
               projection.blocks);
        insert(work, "transactions", "block, position, id, contract, function, creator, code, reason, created_at_us",
               projection.transactions);
        insert(work, "told", "block, position, number, time_us, contract, name, subject, payload", projection.told);
        apply_actors(work, projection);
        apply_market(work, projection);
        apply_money(work, projection);
    }));
    if (!in_step) return fail("out_of_step", "the read model does not end with block " + std::to_string(after));
    return {};
}

}  // namespace fairstream::marketplace_dapp::events
