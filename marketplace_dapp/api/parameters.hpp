#pragma once

#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/result.hpp"

namespace fairstream::marketplace_dapp::api {

/// UTF-8 without NUL, as PostgreSQL takes it.
bool is_text(const std::string& text);

/// The query part of a URL, read strictly. Errors: bad_request, naming the parameter.
class Parameters {
public:
    explicit Parameters(const std::map<std::string, std::string>& query) : query_(query) {}

    Result<std::optional<std::string>> text(const std::string& name, std::size_t max_bytes);
    Result<std::optional<std::int64_t>> integer(const std::string& name, std::int64_t min, std::int64_t max);
    Result<std::optional<double>> number(const std::string& name, double min, double max);
    /// One of `words`.
    Result<std::optional<std::string>> word(const std::string& name, std::initializer_list<const char*> words);
    Result<std::optional<bool>> flag(const std::string& name);
    /// Error if the query has a parameter that nobody asked for.
    Status finish() const;

private:
    std::optional<std::string> find(const std::string& name);

    const std::map<std::string, std::string>& query_;
    std::set<std::string> asked_;
};

}  // namespace fairstream::marketplace_dapp::api
