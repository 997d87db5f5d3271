// The lists of Reads.
#include "marketplace_dapp/api/identifiers.hpp"
#include "marketplace_dapp/api/page.hpp"
#include "marketplace_dapp/api/read_rows.hpp"
#include "marketplace_dapp/api/reads.hpp"

namespace fairstream::marketplace_dapp::api {

namespace json = boost::json;
using events::Row;

namespace {

constexpr std::size_t kMaxDidBytes = 300;
constexpr std::size_t kMaxNameBytes = 64;

const Order kNewestPurchases{.keys = {"p.block", "p.position"}, .types = {"int8", "int8"}};
const Order kNewestTransactions{.keys = {"t.block", "t.position"}, .types = {"int8", "int8"}};
const Order kNewestBlocks{.keys = {"b.height"}, .types = {"int8"}};
const Order kNewestTransfers{.keys = {"m.block", "m.position", "m.event"}, .types = {"int8", "int8", "int8"}};
const Order kActorsByDid{.keys = {"a.did"}, .types = {"text"}, .newest_first = false};
const Order kOperatorsByName{.keys = {"o.name"}, .types = {"text"}, .newest_first = false};
const Order kNewestBatches{.keys = {"b.number"}, .types = {"int8"}};
const Order kNewestKeyEpochs{.keys = {"k.number"}, .types = {"int8"}};

std::string keys_of(const Order& order) {
    std::string keys;
    for (const auto* key : order.keys) keys += std::string(key) + ", ";
    return keys;
}

json::object transfer_from(const Row& row, std::size_t first) {
    return {{"at", time(row[first])},       {"from", text(row[first + 1])},
            {"to", text(row[first + 2])},   {"amount_micro", integer(row[first + 3])},
            {"memo", text(row[first + 4])}, {"block", integer(row[0])},
            {"position", integer(row[1])}};
}

json::object operator_from(const Row& row, std::size_t first) {
    return {{"name", text(row[first])},
            {"organisation", text(row[first + 1])},
            {"did", text(row[first + 2])},
            {"mqtts", text(row[first + 3])},
            {"https", text(row[first + 4])},
            {"region", text(row[first + 5])},
            {"capacity_bytes", integer(row[first + 6])},
            {"active", truth(row[first + 7])},
            {"trust_score", integer(row[first + 8])}};
}

json::object batch_from(const Row& row, std::size_t first) {
    return document(row[first]);
}

json::object key_epoch_from(const Row& row, std::size_t first) {
    json::object out{{"number", integer(row[first])}, {"opened_at", time(row[first + 1])}};
    if (row[first + 2]) {
        out["closed_at"] = time(row[first + 2]);
        out["batch"] = integer(row[first + 3]);
    }
    return out;
}

}  // namespace

Answer Reads::purchases(const Query& query) {
    Parameters parameters(query);
    SqlBuilder builder;
    for (const auto* role : {"buyer", "seller"}) {
        FS_ASSIGN(const auto did, parameters.text(role, kMaxDidBytes));
        builder.require_equal((std::string("p.") + role).c_str(), did);
    }
    FS_ASSIGN(const auto offer, parameters.text("offer", kMaxNameBytes));
    builder.require_equal("p.offer", offer);
    FS_ASSIGN(const auto state,
              parameters.word("state", {"escrowed", "released", "delivering", "settled", "refunded"}));
    builder.require_equal("p.state", state);
    FS_ASSIGN(const auto page, read_page(parameters, kNewestPurchases.types));
    FS_TRY(parameters.finish());
    const auto clause = page_clause(builder, page, kNewestPurchases);
    FS_ASSIGN(auto rows, database_.query("SELECT " + keys_of(kNewestPurchases) + kPurchaseColumns + kFromPurchases +
                                             builder.where + clause,
                                         builder.parameters));
    return page_of("purchases", std::move(rows), page, kNewestPurchases, purchase_from);
}

Answer Reads::transactions(const Query& query) {
    Parameters parameters(query);
    SqlBuilder builder;
    FS_ASSIGN(const auto creator, parameters.text("creator", kMaxDidBytes));
    builder.require_equal("t.creator", creator);
    for (const auto* name : {"contract", "function", "code"}) {
        FS_ASSIGN(const auto value, parameters.text(name, kMaxNameBytes));
        builder.require_equal((std::string("t.") + name).c_str(), value);
    }
    FS_ASSIGN(const auto page, read_page(parameters, kNewestTransactions.types));
    FS_TRY(parameters.finish());
    const auto clause = page_clause(builder, page, kNewestTransactions);
    FS_ASSIGN(auto rows, database_.query("SELECT " + keys_of(kNewestTransactions) + kTransactionColumns +
                                             kFromTransactions + builder.where + clause,
                                         builder.parameters));
    return page_of("transactions", std::move(rows), page, kNewestTransactions, transaction_from);
}

Answer Reads::blocks(const Query& query) {
    Parameters parameters(query);
    SqlBuilder builder;
    FS_ASSIGN(const auto page, read_page(parameters, kNewestBlocks.types));
    FS_TRY(parameters.finish());
    const auto clause = page_clause(builder, page, kNewestBlocks);
    FS_ASSIGN(auto rows, database_.query("SELECT " + keys_of(kNewestBlocks) + kBlockColumns + " FROM market.blocks b" +
                                             builder.where + clause,
                                         builder.parameters));
    return page_of("blocks", std::move(rows), page, kNewestBlocks, block_from);
}

/// Each side of a transfer has an index of its own: two ranges, then the newest of both.
Answer Reads::transfers(const std::string& account, const Query& query) {
    if (!is_account(account)) return no_such("account", account);
    Parameters parameters(query);
    FS_ASSIGN(const auto page, read_page(parameters, kNewestTransfers.types));
    FS_TRY(parameters.finish());
    SqlBuilder builder;
    const auto who = builder.value(account, "text");
    const auto clause = page_clause(builder, page, kNewestTransfers);
    const auto side = [&](const std::string& column) {
        return "(SELECT m.* FROM market.transfers m" + builder.where + (builder.where.empty() ? " WHERE " : " AND ") +
               column + " = " + who + clause + ")";
    };
    FS_ASSIGN(auto rows, database_.query("SELECT " + keys_of(kNewestTransfers) +
                                             "m.time_us, m.sender, m.recipient, m.amount_micro, m.memo FROM (" +
                                             side("m.sender") + " UNION " + side("m.recipient") + ") m" + clause,
                                         builder.parameters));
    return page_of("transfers", std::move(rows), page, kNewestTransfers, transfer_from);
}

Answer Reads::actors(const Query& query) {
    Parameters parameters(query);
    SqlBuilder builder;
    FS_ASSIGN(const auto role, parameters.word("role", {"seller", "client"}));
    if (role) builder.require("a." + *role);
    FS_ASSIGN(const auto verified, parameters.flag("verified"));
    if (verified.value_or(false)) builder.require("s.verified");
    FS_ASSIGN(const auto page, read_page(parameters, kActorsByDid.types));
    FS_TRY(parameters.finish());
    const auto clause = page_clause(builder, page, kActorsByDid);
    FS_ASSIGN(auto rows,
              database_.query("SELECT " + keys_of(kActorsByDid) + kActorColumns + kFromActors + builder.where + clause,
                              builder.parameters));
    return page_of("actors", std::move(rows), page, kActorsByDid, actor_from);
}

/// The consortium's registration is an operator's reputation: its score is its credibility.
Answer Reads::operators(const Query& query) {
    Parameters parameters(query);
    SqlBuilder builder;
    FS_ASSIGN(const auto page, read_page(parameters, kOperatorsByName.types));
    FS_TRY(parameters.finish());
    const auto clause = page_clause(builder, page, kOperatorsByName);
    FS_ASSIGN(auto rows, database_.query("SELECT " + keys_of(kOperatorsByName) +
                                             "o.name, o.organisation, o.did, o.mqtt_url, o.https_url, o.region, "
                                             "o.capacity_bytes, o.active, coalesce(c.credibility, 500000) FROM "
                                             "market.operators o LEFT JOIN market.scores c ON c.did = o.did" +
                                             builder.where + clause,
                                         builder.parameters));
    return page_of("operators", std::move(rows), page, kOperatorsByName, operator_from);
}

Answer Reads::batches(const std::string& offer, const Query& query) {
    if (!is_record_id(offer)) return no_such("offer", offer);
    Parameters parameters(query);
    FS_ASSIGN(const auto page, read_page(parameters, kNewestBatches.types));
    FS_TRY(parameters.finish());
    SqlBuilder builder;
    builder.require_equal("b.offer", offer);
    const auto clause = page_clause(builder, page, kNewestBatches);
    FS_ASSIGN(auto rows, database_.query("SELECT " + keys_of(kNewestBatches) + "b.body FROM market.batches b" +
                                             builder.where + clause,
                                         builder.parameters));
    return page_of("batches", std::move(rows), page, kNewestBatches, batch_from);
}

Answer Reads::key_epochs(const std::string& offer, const Query& query) {
    if (!is_record_id(offer)) return no_such("offer", offer);
    Parameters parameters(query);
    FS_ASSIGN(const auto page, read_page(parameters, kNewestKeyEpochs.types));
    FS_TRY(parameters.finish());
    SqlBuilder builder;
    builder.require_equal("o.id", offer);
    const auto clause = page_clause(builder, page, kNewestKeyEpochs);
    FS_ASSIGN(auto rows, database_.query("SELECT " + keys_of(kNewestKeyEpochs) +
                                             "k.number, k.opened_at_us, k.closed_at_us, k.batch FROM market.offers o "
                                             "JOIN market.key_epochs k ON k.stream_id = o.stream_id" +
                                             builder.where + clause,
                                         builder.parameters));
    return page_of("key_epochs", std::move(rows), page, kNewestKeyEpochs, key_epoch_from);
}

}  // namespace fairstream::marketplace_dapp::api
