// Receipts through the command line: fetched from a network, verified without it.
#include "tests/network/consortium.hpp"

using namespace fairstream;
using tests::Consortium;

TEST_CASE("a payment's receipt is verified offline, and not once a byte of it is changed") {
    Consortium net;
    net.up({"--orgs", "3", "--operators", "0"});
    net.ok({"id", "new", "bob"});
    net.ok({"register", "client", "--as", "bob"});
    const auto paid = net.ok({"wallet", "faucet", "100000000", "--as", "bob"}).json();
    const auto id = std::string(paid.at("transaction").as_string());
    const auto receipt = net.file("payment.receipt").string();
    const auto genesis = (net.dir() / "net" / "public" / "genesis.bin").string();
    net.ok({"receipt", "get", id, "-o", receipt});
    net.ok({"network", "down"});

    const auto proven = net.ok({"receipt", "verify", receipt, "--genesis", genesis}).json();
    CHECK(proven.at("transaction").as_string() == id);
    CHECK(proven.at("code").as_string() == "VALID");
    CHECK(proven.at("contract").as_string() == "credits");
    CHECK(proven.at("block").as_int64() == paid.at("block").as_int64());

    const auto whole = tests::read_all(receipt);
    for (const std::size_t at : {std::size_t{0}, whole.size() / 3, whole.size() / 2, whole.size() - 1}) {
        auto changed = whole;
        changed[at] = static_cast<char>(changed[at] ^ 0x20);
        tests::write_all(receipt, changed);
        INFO("byte " << at << " of " << whole.size());
        CHECK(net.run({"receipt", "verify", receipt, "--genesis", genesis}).exit_code == 1);
    }
    Consortium other;
    other.up({"--orgs", "3", "--operators", "0"});
    tests::write_all(receipt, whole);
    const auto refused =
        net.run({"receipt", "verify", receipt, "--genesis", (other.dir() / "net" / "public" / "genesis.bin").string()});
    CHECK(refused.exit_code == 1);
    CHECK(refused.err.find("bad_certificate") != std::string::npos);
    CHECK(other.run({"receipt", "get", id, "-o", receipt}).err.find("not_found") != std::string::npos);
}
