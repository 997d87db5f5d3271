#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

/// Reads layers.txt and every include of ours, and names the arrows that are not allowed.
namespace fairstream::tests::layers {

using Room = std::string;  // a folder, like ledger/order

/// layers.txt: which rooms there are and what each may use, everything followed through.
class Table {
public:
    /// Throws std::runtime_error, with the line, on text that is not as layers.txt says.
    explicit Table(std::string_view text);

    bool is_room(const Room& room) const { return allowed_.contains(room); }
    const std::set<Room>& allowed(const Room& room) const { return allowed_.at(room); }
    std::vector<Room> rooms() const;

private:
    std::map<Room, std::set<Room>> allowed_;
};

/// One line of a source that names another file.
struct Include {
    std::string file;  // relative to the root
    int line = 0;
    std::string path;  // as written
    bool quoted = true;
};

/// #include lines of C++ and import lines of Protobuf, of every source below `root` but tests and builds.
std::vector<Include> read_includes(const std::filesystem::path& root);

/// One sentence for each forbidden arrow, "file:line: ...", and for each circle of rooms.
std::vector<std::string> violations(const Table& table, const std::vector<Include>& includes);

}  // namespace fairstream::tests::layers
