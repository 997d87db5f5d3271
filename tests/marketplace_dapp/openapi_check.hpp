#pragma once

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <regex>
#include <set>
#include <string>
#include <vector>

/// Holds answers to what an OpenAPI 3.1 document says of them. Knows the part of JSON Schema that ours uses, and
/// refuses any other keyword, so that nothing goes unchecked; what an object's schema does not name is a fault too.
namespace fairstream::tests {

class OpenapiCheck {
public:
    explicit OpenapiCheck(boost::json::value document) : document_(std::move(document)) {}

    /// The operation's id, or empty if the document has none for this method and path.
    std::string operation(const std::string& method, const std::string& path) const {
        const auto* found = find(method, path);
        return found == nullptr ? "" : std::string(found->at("operationId").as_string());
    }

    /// What is wrong with an answer; empty: nothing. `body` is parsed JSON, or a string of another content type.
    std::vector<std::string> faults(const std::string& method, const std::string& path, int status,
                                    const std::string& content_type, const boost::json::value& body) {
        faults_.clear();
        const auto* operation = find(method, path);
        if (operation == nullptr) return {"no operation " + method + " " + path};
        const auto* response = operation->at("responses").as_object().if_contains(std::to_string(status));
        if (response == nullptr) return {"no response " + std::to_string(status)};
        const auto* content = resolve(*response).as_object().if_contains("content");
        if (content == nullptr) return faults_;
        const auto* media = content->as_object().if_contains(content_type.substr(0, content_type.find(';')));
        if (media == nullptr) return {"no content type " + content_type};
        check(media->at("schema"), body, "answer");
        return faults_;
    }

    std::set<std::string> operations() const {
        std::set<std::string> all;
        for (const auto& path : document_.at("paths").as_object())
            for (const auto& method : path.value().as_object())
                all.insert(std::string(method.value().at("operationId").as_string()));
        return all;
    }

private:
    using Value = boost::json::value;

    static bool fits(const std::string& path, const std::string& pattern) {
        std::string expression;
        for (std::size_t i = 0; i < pattern.size(); ++i) {
            if (pattern[i] == '{') {
                i = pattern.find('}', i);
                expression += "[^?]+";
            } else {
                if (std::string(".:()+*?[]^$|\\").find(pattern[i]) != std::string::npos) expression += '\\';
                expression += pattern[i];
            }
        }
        return std::regex_match(path, std::regex(expression));
    }

    /// The path with the longest text that is no parameter.
    const boost::json::object* find(std::string method, const std::string& path) const {
        for (auto& c : method) c = static_cast<char>(std::tolower(c));
        const boost::json::object* best = nullptr;
        std::size_t fixed = 0;
        for (const auto& entry : document_.at("paths").as_object()) {
            const std::string pattern(entry.key());
            if (!fits(path, pattern) || !entry.value().as_object().contains(method)) continue;
            const auto size = std::regex_replace(pattern, std::regex("\\{[^}]*\\}"), "").size();
            if (best == nullptr || size > fixed) {
                best = &entry.value().at(method).as_object();
                fixed = size;
            }
        }
        return best;
    }

    const Value& resolve(const Value& value) const {
        const auto* reference = value.is_object() ? value.as_object().if_contains("$ref") : nullptr;
        if (reference == nullptr) return value;
        return document_.at_pointer(std::string(reference->as_string()).substr(1));
    }

    void fault(const std::string& where, const std::string& what) { faults_.push_back(where + ": " + what); }

    static bool is_of(const std::string& type, const Value& value) {
        if (type == "object") return value.is_object();
        if (type == "array") return value.is_array();
        if (type == "string") return value.is_string();
        if (type == "boolean") return value.is_bool();
        if (type == "integer") return value.is_int64() || value.is_uint64();
        if (type == "number") return value.is_number();
        return type == "null" && value.is_null();
    }

    void check_type(const Value& type, const Value& value, const std::string& where) {
        bool good = type.is_string() && is_of(std::string(type.as_string()), value);
        if (type.is_array())
            for (const auto& one : type.as_array()) good = good || is_of(std::string(one.as_string()), value);
        if (!good) fault(where, boost::json::serialize(value) + " is no " + boost::json::serialize(type));
    }

    void check_object(const boost::json::object& schema, const boost::json::object& value, const std::string& where) {
        const auto* properties = schema.if_contains("properties");
        if (const auto* required = schema.if_contains("required"))
            for (const auto& name : required->as_array())
                if (!value.contains(name.as_string())) fault(where, "has no " + std::string(name.as_string()));
        if (properties == nullptr) return;
        for (const auto& member : value) {
            const std::string name(member.key());
            const auto* known = properties->as_object().if_contains(name);
            if (known == nullptr)
                fault(where, "has " + name + ", which is not described");
            else
                check(*known, member.value(), where + "." + name);
        }
    }

    void check_keyword(const std::string& keyword, const Value& rule, const Value& value, const std::string& where) {
        if (keyword == "type") return check_type(rule, value, where);
        if (keyword == "const" && rule != value) fault(where, "is not " + boost::json::serialize(rule));
        if (keyword == "enum" && std::ranges::find(rule.as_array(), value) == rule.as_array().end())
            fault(where, boost::json::serialize(value) + " is none of " + boost::json::serialize(rule));
        if (keyword == "pattern" && value.is_string() &&
            !std::regex_search(std::string(value.as_string()), std::regex(std::string(rule.as_string()))))
            fault(where, boost::json::serialize(value) + " does not match " + std::string(rule.as_string()));
        if (keyword == "format" && rule == "date-time" && value.is_string() &&
            !std::regex_match(std::string(value.as_string()),
                              std::regex("\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?Z")))
            fault(where, boost::json::serialize(value) + " is no time");
        if (keyword == "minimum" && value.is_number() && value.to_number<double>() < rule.to_number<double>())
            fault(where, "is below its minimum");
        if (keyword == "maximum" && value.is_number() && value.to_number<double>() > rule.to_number<double>())
            fault(where, "is above its maximum");
        if (keyword == "maxItems" && value.is_array() && value.as_array().size() > rule.to_number<std::size_t>())
            fault(where, "has too many items");
        if (keyword == "items" && value.is_array())
            for (std::size_t i = 0; i < value.as_array().size(); ++i)
                check(rule, value.as_array()[i], where + "[" + std::to_string(i) + "]");
    }

    void check(const Value& reference, const Value& value, const std::string& where) {
        static const std::set<std::string> known{"type",   "const",      "enum",     "pattern",
                                                 "format", "minimum",    "maximum",  "maxItems",
                                                 "items",  "properties", "required", "description"};
        const auto& schema = resolve(reference).as_object();
        for (const auto& rule : schema) {
            const std::string keyword(rule.key());
            if (!known.contains(keyword)) fault(where, "the schema has " + keyword + ", which is not checked here");
            check_keyword(keyword, rule.value(), value, where);
        }
        if (value.is_object()) check_object(schema, value.as_object(), where);
    }

    const Value document_;
    std::vector<std::string> faults_;
};

}  // namespace fairstream::tests
