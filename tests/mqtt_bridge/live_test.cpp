// A live stream as it is sold: written at a hundred readings a second, read as it becomes durable, paid by receipts.

#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <thread>

#include "base/encoding.hpp"
#include "mqtt_bridge/client/delivery_record.hpp"
#include "mqtt_bridge/client/live_reader.hpp"
#include "security_manager/client/session_client.hpp"
#include "tests/mqtt_bridge/cluster.hpp"
#include "tests/support/served_certificate.hpp"

using namespace fairstream;
using namespace fairstream::mqtt_bridge::client;
using namespace fairstream::tests;
using namespace std::chrono_literals;
using identity::crypto::FrameHeader;
using identity::crypto::SigningKey;

namespace {

WriterOptions live_options(Cluster& cluster, const TestStream& stream, const std::filesystem::path& spool) {
    WriterOptions options = stream_options(cluster, stream, spool);
    options.give_up = 120s;
    return options;
}

/// A buyer that opens every frame and signs for what it has.
class Buyer {
public:
    Buyer(Cluster& cluster, const TestStream& stream, std::uint64_t from_us, std::uint64_t until_us,
          std::uint32_t window, std::chrono::milliseconds timeout = 5s)
        : cluster_(cluster),
          stream_(stream.id),
          until_us_(until_us),
          timeout_(timeout),
          grant_(cluster.window(key_, stream.id, from_us, until_us, window)),
          record_(grant_) {
        reopen();
    }

    /// As a buyer's program that was started again: goes on after what it has.
    void reopen() {
        reader_ = std::make_unique<LiveReader>(
            LiveReaderOptions{.network = Cluster::kNetwork,
                              .grant = grant_,
                              .purchase = grant_,
                              .holder = key_,
                              .stream_id = stream_,
                              .next_sequence = sequences_.empty() ? 0 : sequences_.back() + 1,
                              .until = base::from_us(until_us_),
                              .operators = cluster_.endpoints(),
                              .trusted_roots = cluster_.roots(),
                              .timeout = timeout_});
    }

    /// Takes what comes, for a while. False: it is over.
    bool read() {
        const auto frames = reader_->take(100ms);
        if (!frames && frames.error().code == "window_over") return false;
        if (!frames) FAIL(frames.error().code + ": " + frames.error().message);
        for (const LiveFrame& frame : *frames) {
            const auto header = FrameHeader::decode(frame.bytes).value();
            if (!sequences_.empty()) REQUIRE(header.sequence == sequences_.back() + 1);
            const auto plaintext =
                identity::crypto::open_frame(epoch_key(header.key_epoch).encryption_subkey, frame.bytes);
            REQUIRE(plaintext);
            sequences_.push_back(header.sequence);
            times_.push_back(header.time_us);
            if (!plaintext->empty()) readings_.push_back(base::to_string(*plaintext));
            record_.credit(frame.operator_name, frame.sequence);
        }
        return true;
    }
    bool sign() {
        if (record_.served().entries() == 0) return false;
        return reader_->hand_in(receipted()).has_value();
    }
    Receipted receipted() { return sign_receipted(record_.next(), grant_, Cluster::kNetwork, key_); }
    /// What the operator says of this purchase.
    std::string standing(std::size_t at) {
        base::net::HttpClient http(cluster_.roots());
        const std::string url = cluster_.endpoint(at).https_url;
        const auto session = security_manager::client::open_session(http,
                                                                    {.https_url = url,
                                                                     .operator_name = Cluster::name(at),
                                                                     .network = Cluster::kNetwork,
                                                                     .grant = grant_,
                                                                     .as_operator = {}},
                                                                    key_, base::wall_now());
        REQUIRE(session);
        return http.request("GET", url + "/v1/sessions/" + session->id + "/receipts", {}, {}, 60s)->body;
    }

    LiveReader& reader() { return *reader_; }
    const std::string& grant() const { return grant_; }
    const std::vector<std::uint64_t>& sequences() const { return sequences_; }
    const std::vector<std::uint64_t>& times() const { return times_; }
    const std::vector<std::string>& readings() const { return readings_; }
    std::size_t unsigned_entries() const { return record_.unsigned_entries(); }

private:
    Cluster& cluster_;
    SigningKey key_ = SigningKey::generate();
    std::string stream_;
    std::uint64_t until_us_;
    std::chrono::milliseconds timeout_;
    std::string grant_;
    DeliveryRecord record_;
    std::unique_ptr<LiveReader> reader_;
    std::vector<std::uint64_t> sequences_;
    std::vector<std::uint64_t> times_;
    std::vector<std::string> readings_;
};

/// Writes `count` readings, one every 10 ms, a key epoch every 150; returns when a quorum has all of them.
void write_stream(const WriterOptions& options, int count, std::atomic<int>& written, std::string& error) {
    const auto run = [&]() -> Status {
        FS_ASSIGN(const auto writer, Writer::open(options));
        auto next = base::steady_now();
        for (int i = 1; i <= count; ++i) {
            FS_TRY(writer->write(to_bytes("reading " + std::to_string(i))));
            written = i;
            if (i % 150 == 0 && i < count) FS_TRY(writer->roll(epoch_key(static_cast<std::uint32_t>(i / 150 + 1))));
            next += 10ms;
            while (base::steady_now() < next) FS_TRY(writer->pump(2ms));
        }
        FS_ASSIGN(const auto last, writer->close());
        if (last.receipts.size() < options.quorum) return fail("no_quorum", "closed without its receipts");
        FS_ASSIGN(const auto batches, writer->take_stored());
        if (batches.size() != static_cast<std::size_t>((count + 149) / 150))
            return fail("batches", std::to_string(batches.size()) + " batches");
        return {};
    };
    if (const Status done = run(); !done) error = done.error().code + ": " + done.error().message;
}

}  // namespace

TEST_CASE(
    "live: a hundred readings a second arrive in order, complete and once, though the operator that serves is killed") {
    const TemporaryFolder folder;
    Cluster cluster(3);
    const TestStream stream("sensors");
    constexpr int kReadings = 600;
    const WriterOptions options = live_options(cluster, stream, folder / "spool");
    const auto now_us = base::to_us(base::wall_now());
    Buyer buyer(cluster, stream, now_us - 1'000'000, now_us + 3'600'000'000, /*window=*/200);
    std::atomic<int> written{0};
    std::string error;
    std::thread seller([&] { write_stream(options, kReadings, written, error); });

    bool killed = false;
    const bool complete = eventually(
        [&] {
            REQUIRE(buyer.read());
            if (buyer.reader().receipt_wanted() || buyer.unsigned_entries() >= 50) buyer.sign();
            if (!killed && buyer.readings().size() >= 200) {
                killed = true;
                CHECK(buyer.reader().operator_name() == "op1");
                cluster.kill(0);
            }
            return buyer.readings().size() == kReadings;
        },
        180s);
    seller.join();
    CHECK(error.empty());
    INFO(error << ", " << written << " written, " << buyer.readings().size() << " read");
    REQUIRE(complete);
    CHECK(killed);
    CHECK(buyer.sequences().front() == 1);  // Buyer::read has seen that each follows the one before
    for (int i = 0; i < kReadings; ++i)
        CHECK(buyer.readings()[static_cast<std::size_t>(i)] == "reading " + std::to_string(i + 1));
    CHECK(std::ranges::is_sorted(buyer.times()));

    // Everything is signed for, and whoever serves says so: nothing was counted twice.
    const auto serving = static_cast<std::size_t>(buyer.reader().operator_name().back() - '1');
    REQUIRE(eventually([&] { return buyer.read() && buyer.sign(); }));
    const std::string entries = "\"entries\":" + std::to_string(buyer.sequences().size()) + ",\"ahead\":0";
    CHECK(eventually([&] { return buyer.standing(serving).find(entries) != std::string::npos; }));
}

TEST_CASE("live: an operator that stands still is left by writer and reader, and no reading is lost") {
    const TemporaryFolder folder;
    Cluster cluster(3);
    const TestStream stream("sensors");
    constexpr int kReadings = 300;
    const WriterOptions options = live_options(cluster, stream, folder / "spool");
    const auto now_us = base::to_us(base::wall_now());
    Buyer buyer(cluster, stream, now_us - 1'000'000, now_us + 3'600'000'000, /*window=*/1'000, /*timeout=*/2s);
    std::atomic<int> written{0};
    std::string error;
    std::thread seller([&] { write_stream(options, kReadings, written, error); });
    std::string left;
    std::shared_ptr<void> frozen;
    const bool complete = eventually(
        [&] {
            REQUIRE(buyer.read());
            if (!frozen && buyer.readings().size() >= 100) {
                left = buyer.reader().operator_name();
                frozen = cluster.freeze(static_cast<std::size_t>(left.back() - '1'));
            }
            return buyer.readings().size() == kReadings;
        },
        180s);
    seller.join();
    INFO(error << ", " << written << " written, " << buyer.readings().size() << " read");
    CHECK(error.empty());
    REQUIRE(complete);
    CHECK(buyer.reader().operator_name() != left);
    CHECK(buyer.sequences().front() == 1);  // Buyer::read has seen that each follows the one before
}

TEST_CASE("live: daemons and brokers take new keys and certificates while a stream flows, and no reading is lost") {
    const TemporaryFolder folder;
    Cluster cluster(3);
    const TestStream stream("sensors");
    constexpr int kReadings = 400;
    const WriterOptions options = live_options(cluster, stream, folder / "spool");
    const auto now_us = base::to_us(base::wall_now());
    Buyer buyer(cluster, stream, now_us - 1'000'000, now_us + 3'600'000'000, /*window=*/1'000);
    std::atomic<int> written{0};
    std::string error;
    std::thread seller([&] { write_stream(options, kReadings, written, error); });
    std::vector<std::string> renewed;
    const bool complete = eventually(
        [&] {
            REQUIRE(buyer.read());
            if (renewed.empty() && buyer.readings().size() >= 100)
                for (std::size_t i = 0; i < cluster.size(); ++i) renewed.push_back(cluster.renew(i));
            return buyer.readings().size() == kReadings;
        },
        180s);
    seller.join();
    INFO(error << ", " << written << " written, " << buyer.readings().size() << " read");
    CHECK(error.empty());
    REQUIRE(complete);
    CHECK(buyer.sequences().front() == 1);  // Buyer::read has seen that each follows the one before
    REQUIRE(renewed.size() == cluster.size());
    for (std::size_t i = 0; i < cluster.size(); ++i) {
        CHECK(served_certificate(cluster.https_port(i)) == renewed[i]);
        CHECK(served_certificate(cluster.mqtts_port(i)) == renewed[i]);
    }
}

TEST_CASE("live: a window is what its frames' times say, from its first frame to the end of what was paid for") {
    const TemporaryFolder folder;
    Cluster cluster(1);
    const TestStream stream("windows");
    auto writer = Writer::open(live_options(cluster, stream, folder / "spool")).value();
    for (int i = 1; i <= 60; ++i) {
        REQUIRE(writer->write(to_bytes("reading " + std::to_string(i))));
        const auto next = base::wall_now() + 2ms;  // no two at the same time
        REQUIRE(eventually([&] { return base::wall_now() > next; }));
    }
    REQUIRE(writer->close());
    Buyer all(cluster, stream, 1, base::to_us(base::wall_now()) + 1, /*window=*/0);
    while (all.sequences().size() < 60) REQUIRE(all.read());

    Buyer some(cluster, stream, all.times()[19], all.times()[39], /*window=*/0);
    while (some.read()) {
    }
    CHECK(some.sequences().front() == 20);
    CHECK(some.sequences().back() == 39);
    Buyer between(cluster, stream, all.times()[19] - 1, all.times()[19], /*window=*/0);  // in which there is no frame
    while (between.read()) {
    }
    CHECK(between.sequences().empty());
}

TEST_CASE("live: one operator alone does not end a window before its time") {
    const TemporaryFolder folder;
    Cluster cluster(2);
    const TestStream stream("cut short");
    auto writer = Writer::open(live_options(cluster, stream, folder / "spool")).value();
    for (int i = 1; i <= 20; ++i) REQUIRE(writer->write(to_bytes("reading " + std::to_string(i))));
    REQUIRE(writer->close());
    const auto now_us = base::to_us(base::wall_now());
    Buyer buyer(cluster, stream, 1, now_us + 3'600'000'000, /*window=*/0);
    cluster.shorten_at(0, buyer.grant(), 2);  // op1's node says that the time was over long ago
    REQUIRE(eventually([&] { return buyer.read() && buyer.readings().size() == 20; }));
    CHECK(buyer.reader().operator_name() == "op2");
    CHECK(std::ranges::any_of(buyer.reader().faults(),
                              [](const auto& one) { return one.starts_with("op1: window_over"); }));
}

TEST_CASE("live: a buyer that does not sign gets W frames, and no more after the operator's restart, until it signs") {
    const TemporaryFolder folder;
    Cluster cluster(1);
    const TestStream stream("silent");
    auto writer = Writer::open(live_options(cluster, stream, folder / "spool")).value();
    for (int i = 1; i <= 100; ++i) REQUIRE(writer->write(to_bytes("reading " + std::to_string(i))));
    REQUIRE(writer->close());
    const auto now_us = base::to_us(base::wall_now());
    Buyer buyer(cluster, stream, 1, now_us + 3'600'000'000, /*window=*/40);
    REQUIRE(eventually([&] { return buyer.read() && buyer.reader().receipt_wanted(); }));
    CHECK(buyer.sequences().size() == 40);
    CHECK(buyer.standing(0).find("\"entries\":0,\"ahead\":40") != std::string::npos);

    cluster.kill(0);
    cluster.start(0);
    REQUIRE(eventually([&] { return cluster.ready(0); }));
    CHECK(buyer.standing(0).find("\"entries\":0,\"ahead\":40") != std::string::npos);

    buyer.reopen();
    REQUIRE(eventually([&] { return buyer.read() && buyer.reader().receipt_wanted(); }));
    CHECK(buyer.sequences().size() == 40);

    REQUIRE(eventually(
        [&] {
            if (buyer.reader().receipt_wanted()) buyer.sign();
            return buyer.read() && buyer.readings().size() == 100;
        },
        60s));
}
