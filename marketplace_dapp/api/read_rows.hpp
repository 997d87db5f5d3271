#pragma once

#include <boost/json/object.hpp>

#include "marketplace_dapp/api/rows.hpp"

/// The records that single reads and lists both show: which columns they are made of, and how. `first` is the place of
/// the first of these columns in the row.
namespace fairstream::marketplace_dapp::api {

/// The releases that count are those of the purchase's key epoch; of one by time, those of the newest released.
inline constexpr char kPurchaseColumns[] =
    "p.body, p.state, p.paid_micro, p.delivered_entries, p.refunded_micro, (SELECT count(*) FROM market.releases r "
    "WHERE r.purchase = p.id AND r.key_epoch = e.number), d.threshold";
inline constexpr char kFromPurchases[] =
    " FROM market.purchases p CROSS JOIN LATERAL (SELECT CASE WHEN p.by_time THEN (SELECT max(n.key_epoch) FROM "
    "market.releases n WHERE n.purchase = p.id) ELSE p.key_epoch END AS number) e LEFT JOIN market.dealings d ON "
    "d.stream_id = p.stream_id AND d.key_epoch = e.number";
boost::json::object purchase_from(const events::Row& row, std::size_t first);

inline constexpr char kActorColumns[] =
    "a.did, a.public_key, a.seller, a.client, s.credibility, a.registered_at_us, s.trust_score, s.confidence, "
    "s.verified";
inline constexpr char kFromActors[] = " FROM market.actors a JOIN market.standings s ON s.did = a.did";
boost::json::object actor_from(const events::Row& row, std::size_t first);

inline constexpr char kBlockColumns[] =
    "b.height, b.hash, b.previous_hash, b.time_us, b.proposer, b.round, b.config_epoch, b.transactions";
/// Without its transactions: how many there are.
boost::json::object block_from(const events::Row& row, std::size_t first);

inline constexpr char kTransactionColumns[] =
    "t.id, t.block, t.position, t.contract, t.function, t.creator, t.code, t.reason, t.created_at_us, b.time_us";
inline constexpr char kFromTransactions[] = " FROM market.transactions t JOIN market.blocks b ON b.height = t.block";
/// Without its events.
boost::json::object transaction_from(const events::Row& row, std::size_t first);

}  // namespace fairstream::marketplace_dapp::api
