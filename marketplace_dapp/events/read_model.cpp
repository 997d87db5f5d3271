#include "marketplace_dapp/events/read_model.hpp"

#include <boost/json/serialize.hpp>

namespace fairstream::marketplace_dapp::events {

namespace json = boost::json;

namespace {

constexpr char kVersion[] = "1";  // of the tables below: others are dropped and made again from the chain

/// `issuers.types` empty: any. An actor's standing changes with time and with the issuers that are trusted, so it is
/// computed when read, as the contract `actors` does: credibility times the weight of unexpired identifiers of trusted
/// issuers, which clients have a floor of.
constexpr char kTables[] = R"sql(
CREATE SCHEMA market;
SET LOCAL search_path TO market;
CREATE TABLE checkpoint (network text NOT NULL, version text NOT NULL, height int8 NOT NULL, block_hash text NOT NULL);
CREATE TABLE blocks (height int8 PRIMARY KEY, hash text NOT NULL, previous_hash text NOT NULL, time_us int8 NOT NULL,
    proposer text NOT NULL, round int8 NOT NULL, config_epoch int8 NOT NULL, transactions int8 NOT NULL);
CREATE TABLE transactions (block int8, position int8, id text, contract text, function text, creator text,
    code text NOT NULL, reason text NOT NULL, created_at_us int8, events text NOT NULL, PRIMARY KEY (block, position));
CREATE INDEX ON transactions (id);
CREATE TABLE issuers (did text PRIMARY KEY, name text NOT NULL, weight int8 NOT NULL, types text[] NOT NULL,
    active boolean NOT NULL);
CREATE TABLE actors (did text PRIMARY KEY, public_key text NOT NULL, seller boolean NOT NULL, client boolean NOT NULL,
    credibility int8 NOT NULL, registered_at_us int8 NOT NULL);
CREATE TABLE identifiers (did text, issuer text, type text, weight int8 NOT NULL, valid_until_us int8 NOT NULL,
    PRIMARY KEY (did, issuer, type));
CREATE TABLE operators (name text PRIMARY KEY, organisation text NOT NULL, did text NOT NULL, mqtt_url text NOT NULL,
    https_url text NOT NULL, region text NOT NULL, capacity_bytes numeric NOT NULL, active boolean NOT NULL);
CREATE TABLE offers (id text PRIMARY KEY, seller text NOT NULL, topic text NOT NULL, mode text NOT NULL,
    price_micro int8 NOT NULL, title text NOT NULL, description text NOT NULL, words text NOT NULL,
    latitude float8, longitude float8, created_at_us int8 NOT NULL, body text NOT NULL,
    document tsvector GENERATED ALWAYS AS (setweight(to_tsvector('english', title), 'A') ||
        setweight(to_tsvector('english', words), 'B') || setweight(to_tsvector('english', description), 'C')) STORED);
CREATE INDEX ON offers USING gin (document);
CREATE INDEX ON offers USING gist (point(longitude, latitude));
CREATE INDEX ON offers (topic text_pattern_ops);
CREATE INDEX ON offers (price_micro);
CREATE INDEX ON offers (seller);
CREATE INDEX ON offers ((-created_at_us::float8), id);
CREATE TABLE batches (offer text, number int8, body text NOT NULL, PRIMARY KEY (offer, number));
CREATE TABLE dealings (stream_id text, key_epoch int8, threshold int8 NOT NULL, PRIMARY KEY (stream_id, key_epoch));
CREATE TABLE purchases (id text PRIMARY KEY, offer text NOT NULL, buyer text NOT NULL, stream_id text NOT NULL,
    key_epoch int8 NOT NULL, body text NOT NULL, paid_micro int8 NOT NULL DEFAULT 0,
    delivered_entries int8 NOT NULL DEFAULT 0, settled boolean NOT NULL DEFAULT false, refunded_micro int8);
CREATE TABLE releases (purchase text, position int8, PRIMARY KEY (purchase, position));
CREATE TABLE transfers (block int8, position int8, event int8, time_us int8 NOT NULL, sender text NOT NULL,
    recipient text NOT NULL, amount_micro int8 NOT NULL, memo text NOT NULL, PRIMARY KEY (block, position, event));
CREATE INDEX ON transfers (sender, block);
CREATE INDEX ON transfers (recipient, block);
CREATE TABLE balances (account text PRIMARY KEY, amount_micro int8 NOT NULL);
CREATE VIEW standings AS
    SELECT a.did, a.credibility * least(1000000, greatest(v.worth, CASE WHEN a.client THEN 100000 ELSE 0 END)) / 1000000
        AS trust_score, v.verified
    FROM actors a CROSS JOIN LATERAL (
        SELECT coalesce(sum(i.weight), 0)::int8 AS worth, count(*) > 0 AS verified
        FROM identifiers i JOIN issuers s ON s.did = i.issuer
        WHERE i.did = a.did AND s.active AND (cardinality(s.types) = 0 OR i.type = ANY (s.types))
            AND i.valid_until_us > extract(epoch FROM now()) * 1000000) v;
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
    insert(work, "operators", "name, organisation, did, mqtt_url, https_url, region, capacity_bytes, active",
           values(p.operators),
           "ON CONFLICT (name) DO UPDATE SET organisation = excluded.organisation, did = excluded.did, "
           "mqtt_url = excluded.mqtt_url, https_url = excluded.https_url, region = excluded.region, "
           "capacity_bytes = excluded.capacity_bytes, active = excluded.active");
}

void apply_market(Database::Work& work, const Projection& p) {
    insert(work, "offers",
           "id, seller, topic, mode, price_micro, title, description, words, latitude, longitude, created_at_us, body",
           p.offers);
    insert(work, "batches", "offer, number, body", values(p.batches),
           "ON CONFLICT (offer, number) DO UPDATE SET body = excluded.body");
    insert(work, "dealings", "stream_id, key_epoch, threshold", p.dealings,
           "ON CONFLICT (stream_id, key_epoch) DO UPDATE SET threshold = excluded.threshold");
    insert(work, "purchases", "id, offer, buyer, stream_id, key_epoch, body", p.purchases);
    insert(work, "releases", "purchase, position", p.releases, "ON CONFLICT DO NOTHING");
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
        insert(work, "transactions",
               "block, position, id, contract, function, creator, code, reason, created_at_us, events",
               projection.transactions);
        apply_actors(work, projection);
        apply_market(work, projection);
        apply_money(work, projection);
    }));
    if (!in_step) return fail("out_of_step", "the read model does not end with block " + std::to_string(after));
    return {};
}

}  // namespace fairstream::marketplace_dapp::events
