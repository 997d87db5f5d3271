#include <boost/json/array.hpp>
#include <catch2/catch.hpp>

#include "identity/did/did_key.hpp"
#include "identity/jose/jwt.hpp"
#include "marketplace_dapp/events/operator_report.hpp"
#include "mqtt_bridge/log/file_stream_log.hpp"
#include "mqtt_bridge/operator/report.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace fairstream;
using namespace std::chrono_literals;
using identity::crypto::SigningKey;
using marketplace_dapp::events::read_report;
using marketplace_dapp::events::Reporting;
using mqtt_bridge::storage_operator::Reporter;
namespace json = boost::json;
namespace log_ = mqtt_bridge::log;

namespace {

const TimePoint kNow = base::from_us(1'800'000'000'000'000);

log_::Record record(std::uint8_t stream, std::uint64_t last) {
    log_::Record out;
    out.stream.fill(stream);
    out.first = 1;
    out.last = last;
    out.head.fill(static_cast<std::uint8_t>(last));
    out.raw = {1, 2, 3};
    return out;
}

Reporting from(const SigningKey& key) {
    return {.name = "op1", .did = identity::did::did_from_key(key.public_key()), .network = "test"};
}

std::string signed_report(const SigningKey& key, const json::object& changes) {
    json::object claims{{"iss", identity::did::did_from_key(key.public_key())},
                        {"iat", identity::jose::numeric_date(kNow)},
                        {"network", "test"},
                        {"operator", "op1"},
                        {"streams", json::array{}}};
    for (const auto& change : changes) claims[change.key()] = change.value();
    return identity::jose::sign_jwt(key, "fairstream-report+jwt", claims);
}

}  // namespace

TEST_CASE("an operator's report says how far each stream is stored, page by page, under its own key") {
    tests::TemporaryFolder folder;
    auto log = log_::FileStreamLog::open(folder / "log");
    REQUIRE(log);
    std::vector<log_::Record> records;
    for (std::uint8_t i = 1; i <= 100; ++i) records.push_back(record(i, i));
    REQUIRE((*log)->append(records));
    const auto key = SigningKey::generate();
    Reporter reporter(**log, "op1", "test", key);
    std::size_t seen = 0;
    std::string after;
    for (int pages = 0; pages < 3; ++pages) {
        const auto page = reporter.page(after, kNow);
        REQUIRE(page);
        const auto report = read_report(*page, from(key), kNow);
        INFO((report ? "" : report.error().message));
        REQUIRE(report);
        for (const auto& mark : report->marks) {
            ++seen;
            CHECK(mark.through == seen);
            CHECK(mark.stream > after);
        }
        after = report->next;
        if (after.empty()) break;
    }
    CHECK(after.empty());
    CHECK(seen == 100);
    const auto first = reporter.page("", kNow);
    CHECK(reporter.page("", kNow + 500ms) == first);
    CHECK(reporter.page("", kNow + 2s) != first);
    CHECK(reporter.page("../x", kNow).error().code == "bad_request");
}

TEST_CASE("a report of another operator, network, time or form is not taken in") {
    const auto key = SigningKey::generate();
    const auto code = [&](const std::string& report, const SigningKey& listed) {
        const auto read = read_report(report, from(listed), kNow);
        return read ? "" : read.error().code;
    };
    CHECK(code(signed_report(key, {}), key).empty());
    CHECK(code(signed_report(key, {}), SigningKey::generate()) == "bad_signature");
    CHECK(code(signed_report(key, {{"operator", "op2"}}), key) == "wrong_operator");
    CHECK(code(signed_report(key, {{"network", "other"}}), key) == "wrong_network");
    const auto now = identity::jose::numeric_date(kNow);
    CHECK(code(signed_report(key, {{"iat", now - 61}}), key) == "stale");
    CHECK(code(signed_report(key, {{"iat", now + 61}}), key) == "stale");
    CHECK(code(signed_report(key, {{"streams", 1}}), key) == "bad_report");
    const std::string stream(32, 'a'), head(64, 'b');
    const auto with = [&](const json::value& mark) {
        return code(signed_report(key, {{"streams", json::array{mark}}}), key);
    };
    CHECK(with({{"stream", stream}, {"through", 1}, {"head", head}}).empty());
    CHECK(with({{"stream", stream}, {"through", -1}, {"head", head}}) == "bad_report");
    CHECK(with({{"stream", "aa"}, {"through", 1}, {"head", head}}) == "bad_report");
    CHECK(with({{"stream", stream}, {"head", head}}) == "bad_report");
    CHECK(with("mark") == "bad_report");
    CHECK(code(signed_report(key, {{"next", stream}}), key) == "bad_report");
    CHECK(code("no.jwt.here", key) == "bad_jwt");
}
