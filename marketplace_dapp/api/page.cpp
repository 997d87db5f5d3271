#include "marketplace_dapp/api/page.hpp"

#include <charconv>
#include <sstream>

#include "base/encoding.hpp"

namespace fairstream::marketplace_dapp::api {

namespace {

constexpr std::size_t kMaxCursorBytes = 600;

bool fits(const std::string& key, std::string_view type) {
    if (type != "int8") return !key.empty();
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), value);
    return error == std::errc{} && end == key.data() + key.size();
}

/// Keys have no spaces.
Result<std::vector<std::string>> keys_of(const std::string& cursor, const std::vector<const char*>& types) {
    if (const auto bytes = base::from_base64url(cursor)) {
        std::vector<std::string> keys;
        std::istringstream words(base::to_string(*bytes));
        for (std::string key; keys.size() <= types.size() && words >> key;) keys.push_back(key);
        bool good = keys.size() == types.size();
        for (std::size_t i = 0; good && i < keys.size(); ++i) good = fits(keys[i], types[i]) && is_text(keys[i]);
        if (good) return keys;
    }
    return fail("bad_request", "cursor: not one that a page of this list ended with");
}

}  // namespace

Result<Page> read_page(Parameters& parameters, const std::vector<const char*>& types) {
    Page page;
    FS_ASSIGN(const auto limit, parameters.integer("limit", 1, kMaxPage));
    page.limit = limit.value_or(page.limit);
    FS_ASSIGN(const auto cursor, parameters.text("cursor", kMaxCursorBytes));
    if (cursor) {
        FS_ASSIGN(page.after, keys_of(*cursor, types));
    }
    return page;
}

std::string page_clause(SqlBuilder& builder, const Page& page, const Order& order) {
    std::string keys, values, sorted;
    for (std::size_t i = 0; i < order.keys.size(); ++i) {
        const std::string comma = i == 0 ? "" : ", ";
        keys += comma + order.keys[i];
        sorted += comma + order.keys[i] + (order.newest_first ? " DESC" : "");
        if (!page.after.empty()) values += comma + builder.value(page.after[i], order.types[i]);
    }
    if (!page.after.empty()) builder.require("(" + keys + (order.newest_first ? ") < (" : ") > (") + values + ")");
    return " ORDER BY " + sorted + " LIMIT " + builder.value(std::to_string(page.limit + 1), "int8");
}

boost::json::object page_of(const char* name, events::Rows rows, const Page& page, const Order& order,
                            boost::json::object (*to_json)(const events::Row& row, std::size_t first)) {
    boost::json::object out;
    if (rows.size() > static_cast<std::size_t>(page.limit)) {
        rows.resize(static_cast<std::size_t>(page.limit));
        std::string cursor;
        for (std::size_t i = 0; i < order.keys.size(); ++i) cursor += (i == 0 ? "" : " ") + text(rows.back()[i]);
        out["next"] = base::to_base64url(as_bytes(cursor));
    }
    boost::json::array items;
    for (const auto& row : rows) items.push_back(to_json(row, order.keys.size()));
    out[name] = std::move(items);
    return out;
}

}  // namespace fairstream::marketplace_dapp::api
