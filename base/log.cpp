#include "base/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/log_field.hpp"

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

/// FAIRSTREAM_LOG_FORMAT=json: one object a line, for whoever collects logs. Set by init_log, like the logger.
bool& as_json() {
    static bool wanted = false;
    return wanted;
}

std::shared_ptr<spdlog::logger> make_logger(std::string_view program, LogLevel level) {
    auto logger =
        std::make_shared<spdlog::logger>(std::string(program), std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_pattern(as_json() ? "%v" : "%Y-%m-%dT%H:%M:%S.%fZ %l %n %v", spdlog::pattern_time_type::utc);
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

std::vector<std::pair<std::string, std::string>>& fields() {
    thread_local std::vector<std::pair<std::string, std::string>> of_this_thread;
    return of_this_thread;
}

/// One event stays one line, whatever a peer put into it.
std::string text_line(std::string_view message) {
    std::string line(message);
    for (const auto& [name, value] : fields())
        if (!value.empty()) line += " " + name + "=" + value;
    for (char& c : line)
        if (is_control(c)) c = ' ';
    return line;
}

void append_json(std::string& out, std::string_view name, std::string_view value) {
    out += out.empty() ? '{' : ',';
    const auto quote = [&out](std::string_view text) {
        out += '"';
        for (const char c : text) {
            if (c == '"' || c == '\\') out += '\\';
            out += is_control(c) ? ' ' : c;
        }
        out += '"';
    };
    quote(name);
    out += ':';
    quote(value);
}

std::string json_line(LogLevel level, std::string_view message) {
    std::string out;
    append_json(out, "time", to_rfc3339(wall_now()));
    const auto name = spdlog::level::to_string_view(to_spdlog(level));
    append_json(out, "level", {name.data(), name.size()});
    append_json(out, "program", logger()->name());
    append_json(out, "message", message);
    for (const auto& [field, value] : fields())
        if (!value.empty()) append_json(out, field, value);
    return out + "}";
}

}  // namespace

LogField::LogField(std::string_view name, std::string value) {
    fields().emplace_back(name, std::move(value));
}

LogField::~LogField() {
    fields().pop_back();
}

void init_log(std::string_view program, LogLevel level) {
    const char* wanted = std::getenv("FAIRSTREAM_LOG");
    const auto chosen = wanted ? level_from(wanted) : std::nullopt;
    const char* const format = std::getenv("FAIRSTREAM_LOG_FORMAT");
    as_json() = format != nullptr && std::string_view(format) == "json";
    logger() = make_logger(program, chosen.value_or(level));
    if (format != nullptr && !as_json() && std::string_view(format) != "text")
        log_warn("FAIRSTREAM_LOG_FORMAT is '{}', expected text or json", format);
    if (wanted && !chosen) log_warn("FAIRSTREAM_LOG is '{}', expected debug, info, warn or error", wanted);
}

void write_log(LogLevel level, std::string_view message) {
    const std::string line = as_json() ? json_line(level, message) : text_line(message);
    logger()->log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

bool log_enabled(LogLevel level) {
    return logger()->should_log(to_spdlog(level));
}

}  // namespace fairstream::base
