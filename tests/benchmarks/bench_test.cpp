#include <sys/wait.h>

#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <set>

#include "base/file.hpp"
#include "benchmarks/market.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace fairstream;

namespace {

int bench(const std::string& arguments) {
    const int status = std::system((FS_BINARY_DIR "/bin/fairstream-bench " + arguments).c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE(
    "a small market is measured: every kind of request, its ratio to the empty reply, client's and server's time") {
    const tests::TemporaryFolder folder;
    const auto file = folder / "api.json";
    REQUIRE(bench("api --offers 40 --seconds 1 --connections 3 --json " + file.string()) == 0);
    const auto found = boost::json::parse(base::to_string(*base::read_file(file)));
    CHECK(found.at("offers").to_number<int>() == 40);
    CHECK(found.at("machine").at("cores").to_number<int>() > 0);
    CHECK(found.at("command").as_string().starts_with(FS_BINARY_DIR "/bin/fairstream-bench api"));
    CHECK(found.at("empty").at("ratio_to_empty").to_number<double>() == 1);
    for (const auto* kind : {"empty", "search_text", "search_place", "search_topic_price", "offer", "purchase"}) {
        INFO(kind);
        for (const auto& load : {found.at(kind), found.at(kind).at("one_connection")}) {
            CHECK(load.at("requests").to_number<int>() > 0);
            CHECK(load.at("requests_per_second").to_number<double>() > 0);
            CHECK(load.at("ratio_to_empty").to_number<double>() > 0);
            CHECK(load.at("p50_ms").to_number<double>() <= load.at("p99_ms").to_number<double>());
            CHECK(load.at("server").at("p99_ms").to_number<double>() >= 0);
        }
    }
}

TEST_CASE("a trade is measured phase by phase, beside a plain broker") {
    const tests::TemporaryFolder folder;
    const auto file = folder / "trade.json";
    REQUIRE(bench("trade --operators 1 --sellers 1,2 --bytes 1000 --rounds 1 --json " + file.string()) == 0);
    const auto found = boost::json::parse(base::to_string(*base::read_file(file)));
    REQUIRE(found.at("trades").as_array().size() == 2);
    for (const auto& trade : found.at("trades").as_array()) {
        CHECK(trade.at("operators").to_number<int>() == 1);
        CHECK(trade.at("upload").at("phases").as_object().size() == 4);
        CHECK(trade.at("fetch").at("phases").as_object().size() == 3);
        CHECK(trade.at("upload_mb_per_s").to_number<double>() > 0);
        CHECK(trade.at("buy_and_fetch_mb_per_s").to_number<double>() > 0);
        CHECK(trade.at("raw_mosquitto_mb_per_s").to_number<double>() > 0);
    }
}

TEST_CASE("live streams are measured until every reading has come, beside a plain broker") {
    const tests::TemporaryFolder folder;
    const auto file = folder / "live.json";
    REQUIRE(bench("live --streams 1,2 --rate 5 --seconds 2 --key-epoch 2 --operators 1 --json " + file.string()) == 0);
    const auto found = boost::json::parse(base::to_string(*base::read_file(file)));
    REQUIRE(found.at("live").as_array().size() == 2);
    for (const auto& live : found.at("live").as_array()) {
        CHECK(live.at("readings").to_number<int>() > 0);
        CHECK(live.at("p50_ms").to_number<double>() > 0);
        CHECK(live.at("p50_ms").to_number<double>() <= live.at("p99_ms").to_number<double>());
        CHECK(live.at("raw_mosquitto").at("readings").to_number<int>() > 0);
    }
}

TEST_CASE("wrong usage is told from a failed run") {
    const tests::TemporaryFolder folder;
    CHECK(bench("") == 2);
    CHECK(bench("api --offers 0") == 2);
    CHECK(bench("api --nonsense") == 2);
    CHECK(bench("trade --bytes 1000,0") == 2);
    CHECK(bench("--help > " + (folder / "help").string()) == 0);
    CHECK(bench("api --offers 1 --dir /proc/nowhere") == 1);
}

TEST_CASE("the market is the same at each run, and has what is searched for") {
    CHECK(benchmarks::offer_draft(7).SerializeAsString() == benchmarks::offer_draft(7).SerializeAsString());
    CHECK(benchmarks::offer_draft(7).topic() != benchmarks::offer_draft(8).topic());
    std::set<std::string> topics, units;
    for (std::uint32_t n = 0; n < 1'000; ++n) {
        const auto draft = benchmarks::offer_draft(n);
        topics.insert(draft.topic());
        units.insert(draft.unit());
    }
    CHECK(topics.size() == 1'000);
    CHECK(units.size() > 10);
}
