#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "tests/layers/layers.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace fairstream::tests;
using namespace fairstream::tests::layers;

namespace {

std::string text_of(const std::filesystem::path& path) {
    std::ifstream file(path);
    REQUIRE(file.good());
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

Table our_table() {
    return Table(text_of(std::filesystem::path(FS_SOURCE_DIR) / "tests/layers/layers.txt"));
}

/// A source tree with the given files.
class Tree {
public:
    void add(const std::string& name, const std::string& text) {
        std::filesystem::create_directories((folder_ / name).parent_path());
        std::ofstream(folder_ / name) << text;
    }
    std::vector<std::string> violations(std::string_view table) const {
        return layers::violations(Table(table), read_includes(folder_.path()));
    }

private:
    TemporaryFolder folder_;
};

constexpr std::string_view kSmallTable =
    "base ->\n"
    "base/net -> base\n"
    "ledger/proto -> base\n"
    "ledger/order ledger/node -> ledger/proto base/net\n"
    "chaincode/credits -> ledger/proto\n"
    "network -> *\n";

}  // namespace

TEST_CASE("no source of ours draws an arrow that the table forbids") {
    const auto includes = read_includes(FS_SOURCE_DIR);
    CHECK(includes.size() > 100);  // the sources were found
    for (const auto& violation : violations(our_table(), includes)) FAIL_CHECK(violation);
}

TEST_CASE("the table says what the architecture promises") {
    const auto table = our_table();
    for (const auto& room : table.rooms()) {
        INFO(room);
        if (room != "network") CHECK(table.allowed("network").contains(room));
        for (const auto& used : table.allowed(room)) {
            INFO(used);
            if (room.starts_with("ledger/")) CHECK_FALSE(used.starts_with("chaincode/"));
            if (room.starts_with("chaincode/")) CHECK_FALSE(used == "base/net");
            if (room.starts_with("identity/")) CHECK((used.starts_with("identity/") || used == "base"));
            if (room.starts_with("base")) CHECK(used == "base");
            if (room.starts_with("marketplace_dapp/") || room.starts_with("ledger/client"))
                CHECK((!used.starts_with("chaincode/") || used == "chaincode/schema"));
        }
    }
    CHECK_FALSE(table.allowed("security_manager/gate").contains("base/net"));
    CHECK_FALSE(table.allowed("security_manager/plugin").contains("base/net"));
    CHECK_FALSE(table.allowed("mqtt_bridge/log").contains("mqtt_bridge/client"));
    CHECK(table.allowed("mqtt_bridge/client").contains("mqtt_bridge/log"));
    CHECK(table.allowed("benchmarks").contains("ledger/node"));
}

TEST_CASE("allowed arrows pass: the row's own, what those name, and rooms of the same row") {
    Tree tree;
    tree.add("base/net/link.cpp", "#include \"base/net/link.hpp\"\n#include \"base/bytes.hpp\"\n#include <vector>\n");
    tree.add("ledger/node/node.cpp", "#include \"base/bytes.hpp\"\n#include \"ledger/order/replica.hpp\"\n");
    tree.add("ledger/proto/block.proto", "import \"google/protobuf/any.proto\";\nimport \"ledger/proto/tx.proto\";\n");
    tree.add("network/node_main.cpp", "#include \"chaincode/credits/credits.hpp\"\n");
    tree.add("tests/base/any.cpp", "#include \"network/whatever.hpp\"\n");
    CHECK(tree.violations(kSmallTable).empty());
}

TEST_CASE("a forbidden arrow is caught with its file and line, and what would be allowed") {
    Tree tree;
    tree.add("ledger/order/replica.cpp", "#include <vector>\n\n  #  include \"chaincode/credits/credits.hpp\"\n");
    CHECK(tree.violations(kSmallTable) ==
          std::vector<std::string>{"ledger/order/replica.cpp:3: ledger/order may not use chaincode/credits "
                                   "(\"chaincode/credits/credits.hpp\"); it may use: base, base/net, ledger/node, "
                                   "ledger/proto"});
}

TEST_CASE("forbidden arrows hide neither in angle brackets nor in Protobuf imports") {
    Tree tree;
    tree.add("base/a.cpp", "#include <base/net/loop.hpp>\n");
    tree.add("ledger/proto/b.proto", "import public \"chaincode/credits/c.proto\";\n");
    const auto found = tree.violations(kSmallTable);
    REQUIRE(found.size() == 2);
    CHECK(found[0].starts_with("base/a.cpp:1: base may not use base/net"));
    CHECK(found[1].starts_with("ledger/proto/b.proto:1: ledger/proto may not use chaincode/credits"));
}

TEST_CASE("a folder that is no room, and a name relative to the file, are caught") {
    Tree tree;
    tree.add("ledger/extras/a.cpp", "#include \"base/bytes.hpp\"\n");
    tree.add("ledger/order/a.cpp", "#include \"helper.hpp\"\n#include \"../node/node.hpp\"\n");
    const auto found = tree.violations(kSmallTable);
    REQUIRE(found.size() == 3);
    CHECK(found[0] == "ledger/extras/a.cpp:1: the folder 'ledger/extras' is no room of layers.txt");
    CHECK(found[1].starts_with("ledger/order/a.cpp:1: \"helper.hpp\" is in no room"));
    CHECK(found[2].starts_with("ledger/order/a.cpp:2: \"../node/node.hpp\" is in no room"));
}

TEST_CASE("rooms of one row must not use each other in a circle") {
    Tree tree;
    tree.add("ledger/order/a.cpp", "#include \"ledger/node/node.hpp\"\n");
    tree.add("ledger/node/b.cpp", "\n#include \"ledger/order/replica.hpp\"\n");
    CHECK(tree.violations(kSmallTable) ==
          std::vector<std::string>{"a circle of rooms: ledger/node (ledger/node/b.cpp:2) -> ledger/order "
                                   "(ledger/order/a.cpp:1) -> ledger/node"});
}

TEST_CASE("a table that cannot be read is refused with its line") {
    CHECK_THROWS_WITH(Table("base ->\nledger\n"), "layers.txt:2: expected: rooms -> rooms");
    CHECK_THROWS_WITH(Table("base ->\nbase ->\n"), "layers.txt:2: base is given twice");
    CHECK_THROWS_WITH(Table("base -> cellar\n"), "layers.txt:1: cellar names no room");
    CHECK_THROWS_WITH(Table("-> base\n"), "layers.txt:1: expected: rooms -> rooms");
}
