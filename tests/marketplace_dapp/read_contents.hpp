#pragma once

#include <catch2/catch.hpp>

#include "marketplace_dapp/events/database.hpp"

namespace fairstream::tests {

/// Every row of every table of the read model, in the order of their text: what two of them are compared by.
inline std::string read_contents(const std::string& connection) {
    marketplace_dapp::events::Database database(connection);
    std::string all;
    const auto tables = database.query(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'market' AND table_type = 'BASE TABLE' "
        "ORDER BY 1");
    REQUIRE(tables);
    for (const auto& table : *tables) {
        const auto rows = database.query("SELECT t::text FROM market." + *table[0] + " t ORDER BY 1");
        REQUIRE(rows);
        for (const auto& row : *rows) all += *table[0] + " " + *row[0] + "\n";
    }
    return all;
}

/// The first field of the first row, or nothing.
inline std::string read_one(const std::string& connection, const std::string& sql) {
    marketplace_dapp::events::Database database(connection);
    const auto rows = database.query(sql);
    REQUIRE(rows);
    return rows->empty() ? "" : rows->front().front().value_or("null");
}

}  // namespace fairstream::tests
