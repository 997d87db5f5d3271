#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace fairstream::base {

/// A YAML file read strictly: every key must be asked for, every value has a type and bounds, and every error names
/// file, line and what would be right ("node.yaml:12: gateway_port: 99999 is not between 0 and 65535").
///
/// Use: parse, read each value, then `finish()`, which fails on a key that nobody asked for. Errors are collected: a
/// getter that fails returns a default and `finish()` reports the first failure.
class Config {
public:
    /// Errors: not_found, too_large (1 MiB), bad_config.
    static Result<Config> load(const std::filesystem::path& file);
    static Result<Config> parse(std::string_view text, std::string_view name);

    std::string text(std::string_view key, std::size_t max_bytes = 4096);
    std::optional<std::string> optional_text(std::string_view key, std::size_t max_bytes = 4096);
    std::uint64_t integer(std::string_view key, std::uint64_t min, std::uint64_t max);
    std::uint64_t integer_or(std::string_view key, std::uint64_t fallback, std::uint64_t min, std::uint64_t max);
    bool flag_or(std::string_view key, bool fallback);
    std::vector<std::string> texts(std::string_view key, std::size_t max_items);
    /// A map below `key`; errors in it are reported by the root's finish().
    Config section(std::string_view key);
    /// A list of maps below `key`.
    std::vector<Config> sections(std::string_view key, std::size_t max_items);
    bool has(std::string_view key) const;

    /// For checks the caller makes itself: records "file:line: key: why".
    void reject(std::string_view key, std::string why);
    Status finish();

private:
    struct Document;
    struct Node;
    std::shared_ptr<Document> document_;
    std::shared_ptr<Node> node_;
};

}  // namespace fairstream::base
