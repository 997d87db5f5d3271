#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <string_view>

namespace fairstream::base {

enum class LogLevel { kDebug, kInfo, kWarn, kError };

/// Called once in main. One line per event on stderr: time, level, program, message. `FAIRSTREAM_LOG` (debug, info,
/// warn, error) overrides `level`. Never pass a secret: keys, tokens, passphrases and plaintext stay out of messages.
void init_log(std::string_view program, LogLevel level = LogLevel::kInfo);
void write_log(LogLevel level, std::string_view message);
bool log_enabled(LogLevel level);

template <typename... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
    if (log_enabled(LogLevel::kDebug)) write_log(LogLevel::kDebug, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
    if (log_enabled(LogLevel::kInfo)) write_log(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_warn(fmt::format_string<Args...> format, Args&&... args) {
    if (log_enabled(LogLevel::kWarn)) write_log(LogLevel::kWarn, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
    if (log_enabled(LogLevel::kError)) write_log(LogLevel::kError, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace fairstream::base
