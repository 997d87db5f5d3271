#include "tests/layers/layers.hpp"

#include <algorithm>
#include <fstream>
#include <functional>
#include <optional>
#include <sstream>
#include <stdexcept>

namespace fairstream::tests::layers {

namespace {

namespace fs = std::filesystem;

struct Row {
    int line = 0;
    std::vector<Room> rooms;
    std::vector<std::string> uses;
};

std::vector<Row> parse_rows(std::string_view text) {
    std::vector<Row> rows;
    std::istringstream lines{std::string(text)};
    std::string line;
    for (int number = 1; std::getline(lines, line); ++number) {
        std::istringstream words(line.substr(0, line.find('#')));
        Row row{number, {}, {}};
        bool after_arrow = false;
        for (std::string word; words >> word;) {
            if (word == "->")
                after_arrow = true;
            else
                (after_arrow ? row.uses : row.rooms).push_back(word);
        }
        if (row.rooms.empty() && !after_arrow) continue;
        if (row.rooms.empty() || !after_arrow)
            throw std::runtime_error("layers.txt:" + std::to_string(number) + ": expected: rooms -> rooms");
        rows.push_back(std::move(row));
    }
    return rows;
}

std::string_view folder_of(std::string_view path) {
    const auto slash = path.rfind('/');
    return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

bool is_source(const fs::path& path) {
    static const std::set<std::string> kExtensions{".cpp", ".hpp", ".c", ".h", ".cc", ".proto", ".inc", ".ipp"};
    return kExtensions.contains(path.extension().string());
}

bool is_skipped(const fs::path& folder) {
    const std::string name = folder.filename().string();
    return name == "tests" || name == "node_modules" || name.starts_with("build") || name.starts_with(".");
}

/// `#include "a/b.hpp"`, `#include <a/b.hpp>` or `import "a/b.proto";`, with any white space.
std::optional<Include> parse_include(std::string_view line) {
    const auto skip_space = [&] { line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size())); };
    const auto skip_word = [&](std::string_view word) {
        if (!line.starts_with(word)) return false;
        line.remove_prefix(word.size());
        skip_space();
        return true;
    };
    skip_space();
    if (skip_word("#")) {
        if (!skip_word("include")) return std::nullopt;
    } else if (skip_word("import")) {
        if (!skip_word("public")) skip_word("weak");
    } else {
        return std::nullopt;
    }
    if (line.empty() || (line[0] != '"' && line[0] != '<')) return std::nullopt;
    const bool quoted = line[0] == '"';
    const auto end = line.find(quoted ? '"' : '>', 1);
    if (end == std::string_view::npos) return std::nullopt;
    return Include{{}, 0, std::string(line.substr(1, end - 1)), quoted};
}

std::string listed(const std::set<Room>& rooms) {
    std::string out;
    for (const auto& room : rooms) out += (out.empty() ? "" : ", ") + room;
    return out.empty() ? "nothing of ours" : out;
}

/// What is wrong with one include, if anything; notes the arrow it draws.
std::optional<std::string> judge(const Table& table, const Include& include,
                                 std::map<Room, std::map<Room, const Include*>>& arrows) {
    const Room from(folder_of(include.file));
    const Room to(folder_of(include.path));
    if (!table.is_room(from)) return "the folder '" + from + "' is no room of layers.txt";
    if (!table.is_room(to)) {
        // In angle brackets: a library's. (A library's Protobuf files are imported in quotes.)
        if (!include.quoted || include.path.starts_with("google/protobuf/")) return std::nullopt;
        return "\"" + include.path + "\" is in no room of layers.txt; write our own files as \"room/file\" and " +
               "libraries' as <file>";
    }
    if (from == to) return std::nullopt;
    arrows[from].emplace(to, &include);
    if (table.allowed(from).contains(to)) return std::nullopt;
    return from + " may not use " + to + " (\"" + include.path + "\"); it may use: " + listed(table.allowed(from));
}

/// The first circle that is found, as a sentence.
std::optional<std::string> find_circle(const std::map<Room, std::map<Room, const Include*>>& arrows) {
    std::set<Room> done;
    std::vector<Room> way;
    std::optional<std::string> found;
    const std::function<void(const Room&)> visit = [&](const Room& room) {
        const auto before = std::find(way.begin(), way.end(), room);
        if (before != way.end()) {
            found = "a circle of rooms: ";
            for (auto step = before; step != way.end(); ++step) {
                const auto& next = step + 1 == way.end() ? room : *(step + 1);
                const Include* include = arrows.at(*step).at(next);
                *found += *step + " (" + include->file + ":" + std::to_string(include->line) + ") -> ";
            }
            *found += room;
        }
        if (found || !arrows.contains(room) || done.contains(room)) return;
        way.push_back(room);
        for (const auto& [next, include] : arrows.at(room)) {
            visit(next);
            if (found) return;
        }
        way.pop_back();
        done.insert(room);
    };
    for (const auto& [room, nexts] : arrows)
        if (!found) visit(room);
    return found;
}

}  // namespace

Table::Table(std::string_view text) {
    const auto rows = parse_rows(text);
    std::map<Room, const Row*> row_of;
    for (const auto& row : rows)
        for (const auto& room : row.rooms) {
            if (!row_of.emplace(room, &row).second)
                throw std::runtime_error("layers.txt:" + std::to_string(row.line) + ": " + room + " is given twice");
            allowed_[room];
        }

    const auto matching = [&](const std::string& pattern, int line) {
        std::vector<Room> found;
        for (const auto& [room, row] : row_of)
            if (pattern == "*" || pattern == room ||
                (pattern.ends_with("/*") && room.starts_with(pattern.substr(0, pattern.size() - 1))))
                found.push_back(room);
        if (found.empty())
            throw std::runtime_error("layers.txt:" + std::to_string(line) + ": " + pattern + " names no room");
        return found;
    };

    for (const auto& row : rows) {
        std::set<Room> reached(row.rooms.begin(), row.rooms.end());
        std::vector<const Row*> open{&row};
        while (!open.empty()) {
            const Row* next = open.back();
            open.pop_back();
            for (const auto& pattern : next->uses)
                for (const auto& room : matching(pattern, next->line)) {
                    if (!reached.insert(room).second) continue;
                    open.push_back(row_of.at(room));
                }
        }
        for (const auto& room : row.rooms) {
            allowed_[room] = reached;
            allowed_[room].erase(room);
        }
    }
}

std::vector<Room> Table::rooms() const {
    std::vector<Room> rooms;
    for (const auto& [room, allowed] : allowed_) rooms.push_back(room);
    return rooms;
}

std::vector<Include> read_includes(const fs::path& root) {
    std::vector<Include> includes;
    for (auto entry = fs::recursive_directory_iterator(root); entry != fs::recursive_directory_iterator(); ++entry) {
        if (entry->is_directory()) {
            if (is_skipped(entry->path())) entry.disable_recursion_pending();
            continue;
        }
        if (!entry->is_regular_file() || !is_source(entry->path())) continue;
        std::ifstream source(entry->path());
        std::string line;
        for (int number = 1; std::getline(source, line); ++number) {
            auto include = parse_include(line);
            if (!include) continue;
            include->file = fs::relative(entry->path(), root).generic_string();
            include->line = number;
            includes.push_back(std::move(*include));
        }
    }
    std::sort(includes.begin(), includes.end(),
              [](const Include& a, const Include& b) { return std::tie(a.file, a.line) < std::tie(b.file, b.line); });
    return includes;
}

std::vector<std::string> violations(const Table& table, const std::vector<Include>& includes) {
    std::vector<std::string> out;
    std::map<Room, std::map<Room, const Include*>> arrows;
    for (const auto& include : includes)
        if (const auto wrong = judge(table, include, arrows))
            out.push_back(include.file + ":" + std::to_string(include.line) + ": " + *wrong);
    if (const auto circle = find_circle(arrows)) out.push_back(*circle);
    return out;
}

}  // namespace fairstream::tests::layers
