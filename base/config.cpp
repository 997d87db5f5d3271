#include "base/config.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <charconv>
#include <map>
#include <set>
#include <sstream>

#include "base/file.hpp"

namespace fairstream::base {

namespace {

constexpr std::size_t kMaxFileBytes = 1u << 20;
constexpr std::size_t kMaxShownBytes = 64;

/// A value as it goes into a message.
std::string shown(const std::string& value) {
    return "'" + value.substr(0, kMaxShownBytes) + (value.size() > kMaxShownBytes ? "...'" : "'");
}

std::optional<std::uint64_t> parse_integer(const std::string& text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

/// Hears a document and keeps nothing of it.
class Ignored final : public YAML::EventHandler {
    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
    void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
    void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
    void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
    void OnSequenceEnd() override {}
    void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
    void OnMapEnd() override {}
};

/// YAML::LoadAll would count too, but on some wrong files (",") it finds empty documents for ever.
bool has_two_documents(const std::string& text) {
    std::istringstream in(text);
    YAML::Parser parser(in);
    Ignored ignored;
    return parser.HandleNextDocument(ignored) && parser.HandleNextDocument(ignored);
}

}  // namespace

/// One map of the file: its values, and which of them were asked for.
struct Config::Node {
    std::map<std::string, YAML::Node> values;
    std::map<std::string, int> key_lines;
    std::set<std::string, std::less<>> asked;
    int line = 1;
};

/// What all sections of one file share: where they came from and what was wrong with them.
struct Config::Document {
    std::string name;
    std::vector<Error> errors;
    std::vector<std::shared_ptr<Node>> nodes;

    void report(int line, std::string_view key, std::string_view why) {
        std::string message = name + ":" + std::to_string(line) + ": ";
        if (!key.empty()) message.append(key).append(": ");
        errors.push_back({"bad_config", message.append(why)});
    }

    /// An empty `yaml` (a section that is not there) is a map without keys.
    std::shared_ptr<Node> open(const YAML::Node& yaml, int line, std::string_view key) {
        auto node = std::make_shared<Node>();
        node->line = line;
        nodes.push_back(node);
        if (!yaml.IsDefined() || yaml.IsNull()) return node;
        if (!yaml.IsMap()) {
            report(line, key, "must be a map of keys and values");
            return node;
        }
        for (const auto& entry : yaml) {
            const int entry_line = entry.first.Mark().line + 1;
            if (!entry.first.IsScalar()) {
                report(entry_line, key, "a key must be a plain name");
                continue;
            }
            const std::string& name_of_key = entry.first.Scalar();
            if (!node->values.emplace(name_of_key, entry.second).second)
                report(entry_line, name_of_key, "is given twice");
            node->key_lines.emplace(name_of_key, entry_line);
        }
        return node;
    }
};

Result<Config> Config::load(const std::filesystem::path& file) {
    FS_ASSIGN(const Bytes contents, read_file(file, kMaxFileBytes));
    return parse(as_text(contents), file.string());
}

Result<Config> Config::parse(std::string_view text, std::string_view name) {
    if (text.size() > kMaxFileBytes)
        return fail("too_large", std::string(name) + " is larger than " + std::to_string(kMaxFileBytes) + " bytes");
    Config config;
    config.document_ = std::make_shared<Document>();
    config.document_->name = name;
    try {
        const std::string contents(text);
        if (has_two_documents(contents))
            return fail("bad_config", std::string(name) + ": holds more than one YAML document");
        config.node_ = config.document_->open(YAML::Load(contents), 1, {});
    } catch (const YAML::Exception& error) {
        return fail("bad_config", std::string(name) + ":" + std::to_string(error.mark.line + 1) + ": " + error.msg);
    }
    if (!config.document_->errors.empty()) return fail(config.document_->errors.front());
    return config;
}

bool Config::has(std::string_view key) const {
    const auto found = node_->values.find(std::string(key));
    return found != node_->values.end() && !found->second.IsNull();
}

std::optional<std::string> Config::optional_text(std::string_view key, std::size_t max_bytes) {
    node_->asked.emplace(key);
    if (!has(key)) return std::nullopt;
    const YAML::Node& value = node_->values.at(std::string(key));
    if (!value.IsScalar()) {
        reject(key, "must be a single value");
        return std::nullopt;
    }
    if (value.Scalar().size() > max_bytes) {
        reject(key, "has " + std::to_string(value.Scalar().size()) + " bytes, at most " + std::to_string(max_bytes) +
                        " are allowed");
        return std::nullopt;
    }
    return value.Scalar();
}

std::string Config::text(std::string_view key, std::size_t max_bytes) {
    auto value = optional_text(key, max_bytes);
    if (!has(key)) reject(key, "is missing");
    return std::move(value).value_or("");
}

std::uint64_t Config::integer(std::string_view key, std::uint64_t min, std::uint64_t max) {
    if (!has(key)) {
        node_->asked.emplace(key);
        reject(key, "is missing");
        return min;
    }
    return integer_or(key, min, min, max);
}

std::uint64_t Config::integer_or(std::string_view key, std::uint64_t fallback, std::uint64_t min, std::uint64_t max) {
    const auto value = optional_text(key, /*max_bytes=*/32);
    if (!value) return fallback;
    const auto number = parse_integer(*value);
    if (!number || *number < min || *number > max) {
        reject(key, (number ? *value : shown(*value)) + " is not " + (number ? "" : "a whole number ") + "between " +
                        std::to_string(min) + " and " + std::to_string(max));
        return fallback;
    }
    return *number;
}

bool Config::flag_or(std::string_view key, bool fallback) {
    const auto value = optional_text(key, /*max_bytes=*/16);
    if (!value) return fallback;
    if (*value != "true" && *value != "false") {
        reject(key, shown(*value) + " is neither true nor false");
        return fallback;
    }
    return *value == "true";
}

std::vector<std::string> Config::texts(std::string_view key, std::size_t max_items) {
    node_->asked.emplace(key);
    if (!has(key)) return {};
    const YAML::Node& list = node_->values.at(std::string(key));
    std::vector<std::string> out;
    if (!list.IsSequence())
        reject(key, "must be a list");
    else if (list.size() > max_items)
        reject(key,
               "has " + std::to_string(list.size()) + " items, at most " + std::to_string(max_items) + " are allowed");
    else
        for (const auto& item : list) {
            if (!item.IsScalar() || item.Scalar().size() > 4096) {
                document_->report(item.Mark().line + 1, key, "every item must be a single value of at most 4096 bytes");
                return {};
            }
            out.push_back(item.Scalar());
        }
    return out;
}

Config Config::section(std::string_view key) {
    node_->asked.emplace(key);
    Config section;
    section.document_ = document_;
    section.node_ =
        has(key) ? document_->open(node_->values.at(std::string(key)), node_->key_lines.at(std::string(key)), key)
                 : document_->open(YAML::Node(), node_->line, key);
    return section;
}

std::vector<Config> Config::sections(std::string_view key, std::size_t max_items) {
    node_->asked.emplace(key);
    if (!has(key)) return {};
    const YAML::Node& list = node_->values.at(std::string(key));
    std::vector<Config> out;
    if (!list.IsSequence()) {
        reject(key, "must be a list of maps");
    } else if (list.size() > max_items) {
        reject(key,
               "has " + std::to_string(list.size()) + " items, at most " + std::to_string(max_items) + " are allowed");
    } else {
        for (const auto& item : list) {
            Config section;
            section.document_ = document_;
            section.node_ = document_->open(item, item.Mark().line + 1, key);
            out.push_back(std::move(section));
        }
    }
    return out;
}

void Config::reject(std::string_view key, std::string why) {
    const auto line = node_->key_lines.find(std::string(key));
    document_->report(line == node_->key_lines.end() ? node_->line : line->second, key, why);
}

Status Config::finish() {
    // Unknown keys come first: a misspelt key is the better explanation of one that is missing.
    for (const auto& node : document_->nodes)
        for (const auto& [key, line] : node->key_lines) {
            if (node->asked.contains(key)) continue;
            std::string known;
            for (const auto& one : node->asked) known.append(known.empty() ? "" : ", ").append(one);
            return fail("bad_config", document_->name + ":" + std::to_string(line) + ": " +
                                          key.substr(0, kMaxShownBytes) + ": unknown key; known here: " + known);
        }
    if (!document_->errors.empty()) return fail(document_->errors.front());
    return {};
}

}  // namespace fairstream::base
