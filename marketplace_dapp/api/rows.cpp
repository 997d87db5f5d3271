#include "marketplace_dapp/api/rows.hpp"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <charconv>

#include "base/clock.hpp"

namespace fairstream::marketplace_dapp::api {

std::int64_t integer(const Field& field) {
    std::int64_t value = 0;
    if (field) std::from_chars(field->data(), field->data() + field->size(), value);
    return value;
}

double number(const Field& field) {
    double value = 0;
    if (field) std::from_chars(field->data(), field->data() + field->size(), value);
    return value;
}

bool truth(const Field& field) {
    return field == "t";
}

std::string text(const Field& field) {
    return field.value_or("");
}

std::string time(const Field& us) {
    return base::to_rfc3339(base::from_us(static_cast<std::uint64_t>(integer(us))));
}

boost::json::object document(const Field& field) {
    boost::json::error_code error;
    auto value = boost::json::parse(field.value_or("{}"), error);
    return error || !value.is_object() ? boost::json::object{} : std::move(value.as_object());
}

std::string SqlBuilder::value(std::string parameter, const char* type) {
    parameters.push_back(std::move(parameter));
    return fmt::format("${}::{}", parameters.size(), type);
}

std::string SqlBuilder::value(double number) {
    return value(fmt::format("{}", number), "float8");
}

void SqlBuilder::require(const std::string& condition) {
    where += (where.empty() ? " WHERE " : " AND ") + condition;
}

void SqlBuilder::require_equal(const char* expression, const std::optional<std::string>& wanted) {
    if (wanted) require(std::string(expression) + " = " + value(*wanted, "text"));
}

}  // namespace fairstream::marketplace_dapp::api
