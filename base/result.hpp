#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace fairstream::base {

/// What went wrong, for a program (`code`, stable snake_case) and for a person (`message`: what was wrong and what
/// would be right; the offending value goes into it, shortened, when it is not secret).
struct Error {
    std::string code;
    std::string message;

    bool operator==(const Error&) const = default;
};

/// A value or an Error. Exceptions stay inside the adapter of a library that throws.
template <typename T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

inline tl::unexpected<Error> fail(std::string_view code, std::string message) {
    return tl::unexpected<Error>(Error{std::string(code), std::move(message)});
}
inline tl::unexpected<Error> fail(Error error) {
    return tl::unexpected<Error>(std::move(error));
}

}  // namespace fairstream::base

namespace fairstream {
using base::Error;
using base::fail;
using base::Result;
using base::Status;
}  // namespace fairstream

/// Returns the error of `expression` from the enclosing function, if it has one.
#define FS_TRY(expression)                                           \
    do {                                                             \
        if (auto fs_status = (expression); !fs_status.has_value())   \
            return ::fairstream::fail(std::move(fs_status).error()); \
    } while (false)

/// FS_ASSIGN(auto name, expression): declares `name` from the value of `expression`, or returns its error.
#define FS_ASSIGN(declaration, expression) FS_ASSIGN_IMPL(declaration, expression, __COUNTER__)
#define FS_ASSIGN_IMPL(declaration, expression, n) FS_ASSIGN_NAMED(declaration, expression, n)
#define FS_ASSIGN_NAMED(declaration, expression, n)                                              \
    auto fs_result_##n = (expression);                                                           \
    if (!fs_result_##n.has_value()) return ::fairstream::fail(std::move(fs_result_##n).error()); \
    declaration = std::move(*fs_result_##n)
