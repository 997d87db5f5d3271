#include "base/config.hpp"

#include <catch2/catch.hpp>

#include "base/file.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace fairstream;
using namespace fairstream::base;

namespace {

Config read(std::string_view text) {
    auto config = Config::parse(text, "node.yaml");
    REQUIRE(config);
    return *config;
}

std::string complaint(Config& config) {
    const auto status = config.finish();
    return status ? "accepted" : status.error().code + " " + status.error().message;
}

std::string parse_complaint(std::string_view text) {
    const auto config = Config::parse(text, "node.yaml");
    return config ? "accepted" : config.error().message;
}

}  // namespace

TEST_CASE("a config gives its values with their types") {
    auto config = read(
        "name: org1\n"
        "gateway_port: 7051\n"
        "verbose: true\n"
        "roots: [a, b]\n"
        "storage:\n"
        "  folder: /var/lib\n"
        "peers:\n"
        "  - host: one\n"
        "  - host: two\n");
    CHECK(config.text("name") == "org1");
    CHECK(config.integer("gateway_port", 0, 65535) == 7051);
    CHECK(config.flag_or("verbose", false));
    CHECK(config.texts("roots", 10) == std::vector<std::string>{"a", "b"});
    CHECK(config.section("storage").text("folder") == "/var/lib");
    auto peers = config.sections("peers", 10);
    REQUIRE(peers.size() == 2);
    CHECK(peers[0].text("host") == "one");
    CHECK(peers[1].text("host") == "two");
    CHECK(config.integer_or("timeout_ms", 500, 1, 1000) == 500);
    CHECK(config.optional_text("passphrase_file") == std::nullopt);
    CHECK_FALSE(config.has("timeout_ms"));
    CHECK(complaint(config) == "accepted");
}

TEST_CASE("a number out of bounds is named with file, line and bounds") {
    auto config = read("name: org1\n\ngateway_port: 99999\n");
    config.text("name");
    CHECK(config.integer("gateway_port", 0, 65535) == 0);
    CHECK(complaint(config) == "bad_config node.yaml:3: gateway_port: 99999 is not between 0 and 65535");
}

TEST_CASE("what is not a number, a flag, a text or a list is refused") {
    const auto check = [](std::string_view text, auto get) {
        auto config = read(text);
        get(config);
        return complaint(config);
    };
    const auto integer = [](Config& c) { c.integer("k", 1, 10); };
    CHECK(check("k: seven\n", integer) == "bad_config node.yaml:1: k: 'seven' is not a whole number between 1 and 10");
    CHECK(check("k: -3\n", integer) == "bad_config node.yaml:1: k: '-3' is not a whole number between 1 and 10");
    CHECK(check("k: 5x\n", integer) == "bad_config node.yaml:1: k: '5x' is not a whole number between 1 and 10");
    CHECK(check("k: 99999999999999999999\n", integer).find("is not a whole number") != std::string::npos);
    CHECK(check("k: [5]\n", integer) == "bad_config node.yaml:1: k: must be a single value");
    CHECK(check("k: maybe\n", [](Config& c) { c.flag_or("k", true); }) ==
          "bad_config node.yaml:1: k: 'maybe' is neither true nor false");
    CHECK(check("k: 12345\n", [](Config& c) { c.text("k", 4); }) ==
          "bad_config node.yaml:1: k: has 5 bytes, at most 4 are allowed");
    CHECK(check("k: [a, b, c]\n", [](Config& c) { c.texts("k", 2); }) ==
          "bad_config node.yaml:1: k: has 3 items, at most 2 are allowed");
    CHECK(check("k: x\n", [](Config& c) { c.texts("k", 2); }) == "bad_config node.yaml:1: k: must be a list");
    CHECK(check("k:\n  - a\n  - [b]\n", [](Config& c) { c.texts("k", 2); }).find("node.yaml:3") != std::string::npos);
    CHECK(check("k: x\n", [](Config& c) { c.section("k"); }) ==
          "bad_config node.yaml:1: k: must be a map of keys and values");
    CHECK(check("k: x\n", [](Config& c) { c.sections("k", 2); }) ==
          "bad_config node.yaml:1: k: must be a list of maps");
}

TEST_CASE("a missing key is named, in sections too") {
    auto config = read("a: 1\nstorage:\n  size: 5\n");
    config.integer("a", 0, 9);
    auto storage = config.section("storage");
    storage.integer("size", 0, 9);
    storage.text("folder");
    CHECK(complaint(config) == "bad_config node.yaml:2: folder: is missing");
    auto absent = read("a: 1\n");
    absent.integer("a", 0, 9);
    absent.section("storage").text("folder");
    CHECK(complaint(absent) == "bad_config node.yaml:1: folder: is missing");
}

TEST_CASE("a key that nobody asked for is an error that explains the missing one") {
    auto config = read("name: org1\ngatway_port: 7051\n");
    config.text("name");
    config.integer("gateway_port", 0, 65535);
    CHECK(complaint(config) == "bad_config node.yaml:2: gatway_port: unknown key; known here: gateway_port, name");
    auto nested = read("storage:\n  folder: x\n  colour: red\n");
    nested.section("storage").text("folder");
    CHECK(complaint(nested) == "bad_config node.yaml:3: colour: unknown key; known here: folder");
}

TEST_CASE("what the caller rejects is reported with its line") {
    auto config = read("a: 1\nhost: 300.1.1.1\n");
    config.text("a");
    config.text("host");
    config.reject("host", "is not an address");
    CHECK(complaint(config) == "bad_config node.yaml:2: host: is not an address");
}

TEST_CASE("text that is not a map of keys is refused with its line") {
    CHECK(parse_complaint("a: 1\nb: [1, 2\n").starts_with("node.yaml:3: "));
    CHECK(parse_complaint("- a\n- b\n") == "node.yaml:1: must be a map of keys and values");
    CHECK(parse_complaint("a: 1\na: 2\n") == "node.yaml:2: a: is given twice");
    CHECK(parse_complaint("a: 1\n---\nb: 1\n") == "node.yaml: holds more than one YAML document");
    CHECK(parse_complaint("? [a, b]\n: 1\n") == "node.yaml:1: a key must be a plain name");
    CHECK(parse_complaint("a: *nowhere\n").starts_with("node.yaml:1: "));
    CHECK(parse_complaint("") == "accepted");
    CHECK(parse_complaint("\x01\xff\xfe") != "accepted");
}

TEST_CASE("hostile nesting, size and aliases are bounded") {
    CHECK(parse_complaint(std::string(100'000, '[')) != "accepted");
    CHECK(parse_complaint(std::string((1u << 20) + 1, ' ')).find("is larger than") != std::string::npos);
    std::string laughs = "a0: &a0 [x, x]\n";
    for (int i = 1; i < 60; ++i) {
        const auto n = std::to_string(i);
        const auto before = std::to_string(i - 1);
        laughs += "a" + n + ": &a" + n + " [*a" + before + ", *a" + before + "]\n";
    }
    auto config = read(laughs);
    CHECK(complaint(config).find("unknown key") != std::string::npos);
}

TEST_CASE("a config is loaded from a file, whose name is in its errors") {
    const tests::TemporaryFolder folder;
    CHECK(Config::load(folder / "absent.yaml").error().code == "not_found");
    REQUIRE(write_file(folder / "node.yaml", as_bytes("a: 1\n")));
    auto config = Config::load(folder / "node.yaml").value();
    CHECK(config.integer("a", 2, 3) == 2);
    CHECK(complaint(config) == "bad_config " + (folder / "node.yaml").string() + ":1: a: 1 is not between 2 and 3");
}
