#include "marketplace_dapp/api/read_rows.hpp"

namespace fairstream::marketplace_dapp::api {

namespace json = boost::json;
using events::Row;

json::object purchase_from(const Row& row, std::size_t first) {
    auto purchase = document(row[first]);
    purchase["state"] = text(row[first + 1]);
    purchase["paid_micro"] = integer(row[first + 2]);
    purchase["delivered_entries"] = integer(row[first + 3]);
    purchase["refunded_micro"] = integer(row[first + 4]);
    purchase["releases"] = integer(row[first + 5]);
    purchase["threshold"] = integer(row[first + 6]);
    return purchase;
}

json::object actor_from(const Row& row, std::size_t first) {
    return {{"did", text(row[first])},
            {"public_key", text(row[first + 1])},
            {"seller", truth(row[first + 2])},
            {"client", truth(row[first + 3])},
            {"credibility", integer(row[first + 4])},
            {"registered_at", time(row[first + 5])},
            {"trust_score", integer(row[first + 6])},
            {"confidence", integer(row[first + 7])},
            {"verified", truth(row[first + 8])}};
}

json::object block_from(const Row& row, std::size_t first) {
    return {{"height", integer(row[first])},           {"hash", text(row[first + 1])},
            {"previous_hash", text(row[first + 2])},   {"time", time(row[first + 3])},
            {"proposer", text(row[first + 4])},        {"round", integer(row[first + 5])},
            {"config_epoch", integer(row[first + 6])}, {"transaction_count", integer(row[first + 7])}};
}

json::object transaction_from(const Row& row, std::size_t first) {
    return {
        {"id", text(row[first])},           {"block", integer(row[first + 1])}, {"position", integer(row[first + 2])},
        {"contract", text(row[first + 3])}, {"function", text(row[first + 4])}, {"creator", text(row[first + 5])},
        {"code", text(row[first + 6])},     {"reason", text(row[first + 7])},   {"created_at", time(row[first + 8])},
        {"time", time(row[first + 9])}};
}

}  // namespace fairstream::marketplace_dapp::api
