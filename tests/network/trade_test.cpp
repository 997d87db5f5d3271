// One complete trade through the command line alone, over real processes, brokers and TLS.
#include "tests/network/consortium.hpp"

#include "base/encoding.hpp"

using namespace fairstream;
using tests::Consortium;
using tests::fs::path;

namespace {

/// Every regular file below the organisations' folders: what nodes and operators have.
std::vector<path> files_of_organisations(const path& network) {
    std::vector<path> files;
    for (const auto& organisation : tests::fs::directory_iterator(network)) {
        if (!organisation.path().filename().string().starts_with("org")) continue;
        for (const auto& entry : tests::fs::recursive_directory_iterator(organisation.path()))
            if (entry.is_regular_file()) files.push_back(entry.path());
    }
    return files;
}

std::string journal_value(const std::string& journal, const std::string& key) {
    const auto at = journal.find("\n" + key + ": \"");
    if (at == std::string::npos) return {};
    const auto from = at + key.size() + 4;
    return journal.substr(from, journal.find('"', from) - from);
}

}  // namespace

TEST_CASE("a file is sold through the single commands and arrives byte for byte") {
    Consortium net;
    net.up();
    net.seller("acme");
    net.client("bob");
    const auto offer = net.offer("acme", "factory/boiler-7", "2500000");
    const auto original = tests::noise(5'000'000, 1);
    tests::write_all(net.file("in"), original);

    const auto uploaded = net.ok({"upload", net.file("in").string(), "--as", "acme", "--offer", offer}).json();
    CHECK(uploaded.at("bytes").as_int64() == 5'000'000);
    CHECK(uploaded.at("operators").as_array().size() >= 2);

    const auto purchase =
        net.ok({"buy", offer, "--as", "bob", "--request-id", "order-0000-0000-0001"}).text("purchase");
    CHECK(net.balance("bob") == 97'500'000);
    const auto fetched = net.ok({"fetch", purchase, "-o", net.file("out").string(), "--as", "bob"}).json();
    CHECK(tests::read_all(net.file("out")) == original);
    CHECK(fetched.at("state").as_string() == "settled");
    CHECK(fetched.at("sha256") == uploaded.at("sha256"));
    CHECK(net.balance("acme") > 2'000'000);
    net.check_conserved();

    SECTION("a retry of the same order does not pay twice") {
        const auto again = net.run({"buy", offer, "--as", "bob", "--request-id", "order-0000-0000-0001"});
        CHECK(again.exit_code == 1);
        CHECK(again.err.find("duplicate_request") != std::string::npos);
        CHECK(net.balance("bob") == 97'500'000);
    }
    SECTION("what was paid for may be fetched again, and is paid once") {
        tests::fs::remove(net.file("out"));
        net.ok({"fetch", purchase, "-o", net.file("out").string(), "--as", "bob"});
        CHECK(tests::read_all(net.file("out")) == original);
        CHECK(net.balance("bob") == 97'500'000);
        net.check_conserved();
    }
    SECTION("a second batch of the same offer is bought by `get` in one call") {
        const auto second = tests::noise(300'000, 2);
        tests::write_all(net.file("in"), second);
        net.ok({"upload", net.file("in").string(), "--as", "acme", "--offer", offer});
        net.ok({"get", offer, "--as", "bob", "-o", net.file("out2").string()});
        CHECK(tests::read_all(net.file("out2")) == second);
        net.check_conserved();
    }
    SECTION("refusals name the rule and exit with 1") {
        net.ok({"id", "new", "stranger"});
        CHECK(net.run({"register", "seller", "--as", "stranger"}).err.find("not_verified") != std::string::npos);
        CHECK(net.run({"refund", purchase, "--as", "bob"}).err.find("already_settled") != std::string::npos);
        CHECK(net.run({"fetch", purchase, "-o", net.file("x").string(), "--as", "stranger"}).exit_code == 1);
        CHECK(net.run({"upload", net.file("in").string(), "--as", "bob", "--offer", offer}).exit_code == 1);
        CHECK(net.run({"offer", "show", "no-such-offer"}).exit_code == 1);
        CHECK(net.run({"offer", "create", "--as", "acme", "--topic", "x", "--price", "-5"}).exit_code == 2);
    }
    SECTION("the network stops, and resumes with all its data") {
        net.ok({"network", "down"});
        CHECK(net.run({"network", "down"}).err.find("not_running") != std::string::npos);
        net.up();
        tests::fs::remove(net.file("out"));
        net.ok({"fetch", purchase, "-o", net.file("out").string(), "--as", "bob"});
        CHECK(tests::read_all(net.file("out")) == original);
        CHECK(net.balance("bob") == 97'500'000);
        net.ok({"get", offer, "--as", "bob", "-o", net.file("out3").string()});
        CHECK(tests::read_all(net.file("out3")) == original);
        net.check_conserved();
        CHECK(net.run({"network", "up", "--orgs", "7"}).err.find("shape_differs") != std::string::npos);
    }
}

TEST_CASE("a node and an operator are killed in the middle of an upload, and the trade still completes") {
    Consortium net;
    net.up();
    net.seller("acme");
    net.client("bob");
    const auto offer = net.offer("acme", "factory/boiler-7", "2500000");
    const auto original = tests::noise(48u << 20, 3);
    tests::write_all(net.file("in"), original);

    const auto upload = net.spawn({"upload", net.file("in").string(), "--as", "acme", "--offer", offer});
    const auto journal_file = net.dir() / "net" / "state" / "acme" / "uploads" / offer / "journal.yaml";
    std::string key;
    tests::wait_until("frames lie at an operator", [&] {
        if (key.empty()) key = journal_value(tests::read_all(journal_file), "key");
        std::uintmax_t stored = 0;
        for (const auto& file : files_of_organisations(net.dir() / "net"))
            if (file.string().find("/op") != std::string::npos && file.string().find("/data/") != std::string::npos)
                stored += tests::fs::file_size(file);
        return stored > (1u << 20);
    });
    net.kill_process("nodes", "node1.org1");
    net.kill_process("operators", "op1");
    const auto uploaded = Consortium::wait_for(upload);
    INFO(uploaded.err);
    REQUIRE(uploaded.exit_code == 0);

    net.ok({"get", offer, "--as", "bob", "-o", net.file("out").string()});
    CHECK(tests::read_all(net.file("out")) == original);
    net.check_conserved();

    SECTION("no file of any node or operator holds the plaintext or the stream key") {
        REQUIRE(key.size() == 64);
        const auto raw_key = std::string(as_text(*base::from_hex(key)));
        // Windows of the plaintext at odd places: 16 bytes of noise stand nowhere by chance.
        std::vector<std::string> needles{key, raw_key};
        for (std::size_t at = 7; at + 16 < original.size(); at += original.size() / 12)
            needles.push_back(original.substr(at, 16));
        std::size_t searched = 0;
        for (const auto& file : files_of_organisations(net.dir() / "net")) {
            const auto contents = tests::read_all(file);
            ++searched;
            for (const auto& needle : needles)
                if (contents.find(needle) != std::string::npos) FAIL(file << " holds plaintext or the stream key");
        }
        CHECK(searched > 30);
    }
    SECTION("what died is started again by a second `up`, and catches up") {
        net.up();
        const auto status = net.ok({"network", "status"}).json();
        CHECK(status.at("ready").as_bool());
        tests::wait_until("node1.org1 has caught up", [&] {
            const auto now = net.ok({"network", "status"}).json();
            const auto& nodes = now.at("nodes").as_array();
            return nodes[0].at("height").to_number<std::uint64_t>() >= nodes[1].at("height").to_number<std::uint64_t>();
        });
        net.ok({"get", offer, "--as", "bob", "-o", net.file("out2").string()});
        CHECK(tests::read_all(net.file("out2")) == original);
        net.check_conserved();
    }
}

TEST_CASE("an upload whose program is killed goes on where it stopped") {
    Consortium net;
    net.up();
    net.seller("acme");
    net.client("bob");
    const auto offer = net.offer("acme", "factory/boiler-7", "1000000");
    const auto original = tests::noise(48u << 20, 4);
    tests::write_all(net.file("in"), original);
    const auto spool = net.dir() / "net" / "state" / "acme" / "uploads" / offer / "spool";
    const auto upload = net.spawn({"upload", net.file("in").string(), "--as", "acme", "--offer", offer});
    tests::wait_until("something is spooled", [&] { return tests::fs::exists(spool) && !tests::fs::is_empty(spool); });
    ::kill(upload.pid, SIGKILL);
    Consortium::wait_for(upload);

    tests::write_all(net.file("other"), "another file");
    CHECK(net.run({"upload", net.file("other").string(), "--as", "acme", "--offer", offer})
              .err.find("unfinished_upload") != std::string::npos);
    const auto resumed = net.ok({"upload", net.file("in").string(), "--as", "acme", "--offer", offer}).json();
    CHECK(resumed.at("resumed").as_bool());
    net.ok({"get", offer, "--as", "bob", "-o", net.file("out").string()});
    CHECK(tests::read_all(net.file("out")) == original);
    net.check_conserved();
}

TEST_CASE("networks of 1 and 3 organisations trade too") {
    for (const char* organisations : {"1", "3"}) {
        Consortium net;
        net.up({"--orgs", organisations, "--operators", organisations});
        net.seller("acme");
        net.client("bob");
        const auto offer = net.offer("acme", "t", "1000");
        tests::write_all(net.file("in"), "a single reading: 21.5 Cel\n");
        net.ok({"upload", net.file("in").string(), "--as", "acme", "--offer", offer});
        net.ok({"get", offer, "--as", "bob", "-o", net.file("out").string()});
        CHECK(tests::read_all(net.file("out")) == "a single reading: 21.5 Cel\n");
        net.check_conserved();
    }
}

TEST_CASE("the demo sells real readings", "[data]") {
    const path readings = path(FS_SOURCE_DIR) / "../shared/data/machine_temperature_system_failure.csv";
    if (!tests::fs::exists(readings)) {
        WARN("skipped: " << readings << " is not there");
        return;
    }
    Consortium net;
    const auto demo = net.run({"demo", "--input", readings.string()});
    INFO(demo.out << demo.err);
    CHECK(demo.exit_code == 0);
    CHECK(demo.out.find("All of it held.") != std::string::npos);
}
