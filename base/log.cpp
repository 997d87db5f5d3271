#include "base/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <optional>
#include <string>

namespace fairstream::base {

namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
    switch (level) {
        case LogLevel::kDebug:
            return spdlog::level::debug;
        case LogLevel::kInfo:
            return spdlog::level::info;
        case LogLevel::kWarn:
            return spdlog::level::warn;
        case LogLevel::kError:
            return spdlog::level::err;
    }
    return spdlog::level::info;
}

std::optional<LogLevel> level_from(std::string_view name) {
    if (name == "debug") return LogLevel::kDebug;
    if (name == "info") return LogLevel::kInfo;
    if (name == "warn") return LogLevel::kWarn;
    if (name == "error") return LogLevel::kError;
    return std::nullopt;
}

std::shared_ptr<spdlog::logger> make_logger(std::string_view program, LogLevel level) {
    auto logger =
        std::make_shared<spdlog::logger>(std::string(program), std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%fZ %l %n %v", spdlog::pattern_time_type::utc);
    logger->set_level(to_spdlog(level));
    return logger;
}

/// Replaced only by init_log, before other threads exist.
std::shared_ptr<spdlog::logger>& logger() {
    static std::shared_ptr<spdlog::logger> instance = make_logger("fairstream", LogLevel::kInfo);
    return instance;
}

bool is_control(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

}  // namespace

void init_log(std::string_view program, LogLevel level) {
    const char* wanted = std::getenv("FAIRSTREAM_LOG");
    const auto chosen = wanted ? level_from(wanted) : std::nullopt;
    logger() = make_logger(program, chosen.value_or(level));
    if (wanted && !chosen) log_warn("FAIRSTREAM_LOG is '{}', expected debug, info, warn or error", wanted);
}

void write_log(LogLevel level, std::string_view message) {
    // One event stays one line, whatever a peer put into it.
    std::string line(message);
    for (char& c : line)
        if (is_control(c)) c = ' ';
    logger()->log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

bool log_enabled(LogLevel level) {
    return logger()->should_log(to_spdlog(level));
}

}  // namespace fairstream::base
