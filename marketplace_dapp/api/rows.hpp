#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "marketplace_dapp/events/database.hpp"

/// Fields of PostgreSQL's rows as values. Null is zero, false or empty.
namespace fairstream::marketplace_dapp::api {

using Field = std::optional<std::string>;

std::int64_t integer(const Field& field);
double number(const Field& field);
bool truth(const Field& field);
std::string text(const Field& field);
/// RFC 3339, of microseconds.
std::string time(const Field& us);
/// JSON that the projection wrote.
boost::json::object document(const Field& field);

/// Collects conditions of a statement and their parameters.
class SqlBuilder {
public:
    /// "$1::int8"
    std::string value(std::string parameter, const char* type);
    std::string value(double number);
    void require(const std::string& condition);
    /// `expression` = the value, if there is one.
    void require_equal(const char* expression, const std::optional<std::string>& wanted);

    std::string where;  // empty, or " WHERE ..."
    std::vector<std::string> parameters;
};

}  // namespace fairstream::marketplace_dapp::api
