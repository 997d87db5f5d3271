#pragma once

#include <boost/json/array.hpp>
#include <string>
#include <vector>

#include "marketplace_dapp/api/answer.hpp"
#include "marketplace_dapp/api/parameters.hpp"
#include "marketplace_dapp/api/rows.hpp"

/// Pages of lists. A cursor names the last row of a page by what the list is ordered by; clients take it as it is.
namespace fairstream::marketplace_dapp::api {

inline constexpr std::int64_t kMaxPage = 200;

struct Page {
    std::int64_t limit = 50;
    std::vector<std::string> after;  // the keys of the row to go on after; empty at the first page
};

/// Reads `limit` and `cursor`; `types` are those of the keys, "int8" or "text". Error: bad_request.
Result<Page> read_page(Parameters& parameters, const std::vector<const char*>& types);

/// What a list of rows is ordered by.
struct Order {
    std::vector<const char*> keys;  // expressions, all compared in the same direction
    std::vector<const char*> types;
    bool newest_first = true;
};

/// Adds the page's condition to `builder` and gives what follows it: " ORDER BY ... LIMIT ...", with one row more than
/// the page holds.
std::string page_clause(SqlBuilder& builder, const Page& page, const Order& order);

/// {`name`: [...], "next"?: cursor}. `rows` begin with as many keys as the order has.
boost::json::object page_of(const char* name, events::Rows rows, const Page& page, const Order& order,
                            boost::json::object (*to_json)(const events::Row& row, std::size_t first));

}  // namespace fairstream::marketplace_dapp::api
