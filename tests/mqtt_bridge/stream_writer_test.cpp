// A stream's writer on real brokers: key epochs that roll while frames flow, over one connection.

#include <catch2/catch.hpp>

#include "mqtt_bridge/client/receipt.hpp"
#include "tests/mqtt_bridge/cluster.hpp"

using namespace fairstream;
using namespace fairstream::mqtt_bridge::client;
using namespace fairstream::tests;
using namespace std::chrono_literals;
using identity::crypto::Hash;

namespace {

Bytes reading(std::uint64_t number) {
    return to_bytes("reading " + std::to_string(number));
}

/// Pumps until `done`; false if that takes too long.
template <typename Done>
bool pump_until(Writer& writer, Done done) {
    return eventually(
        [&] {
            if (const auto pumped = writer.pump(20ms); !pumped)
                FAIL(pumped.error().code + ": " + pumped.error().message);
            return done();
        },
        60s);
}

std::vector<StoredBatch> stored(Writer& writer, std::size_t count) {
    std::vector<StoredBatch> out;
    const bool all = pump_until(writer, [&] {
        auto taken = writer.take_stored();
        REQUIRE(taken);
        for (StoredBatch& batch : *taken) out.push_back(std::move(batch));
        return out.size() >= count;
    });
    REQUIRE(all);
    return out;
}

Hash mac_of(std::uint32_t epoch, std::uint64_t first, std::uint64_t last) {
    Bytes all;
    for (std::uint64_t i = first; i <= last; ++i) append(all, reading(i));
    return identity::crypto::hmac_sha256(epoch_key(epoch).mac_subkey, all);
}

/// The receipts are over this very end, by as many operators as the quorum.
void check_receipts(const Cluster& cluster, const StoredBatch& batch, std::size_t quorum) {
    CHECK(batch.receipts.size() >= quorum);
    for (const auto& receipt : batch.receipts) {
        const auto at = static_cast<std::size_t>(receipt.operator_().back() - '1');
        const auto key = identity::did::key_from_did(cluster.endpoint(at).did).value();
        const auto mark = verify_receipt(receipt, Cluster::kNetwork, key);
        REQUIRE(mark);
        CHECK(mark->position == mqtt_bridge::log::Position{batch.last_sequence, batch.manifest_head});
    }
}

}  // namespace

TEST_CASE("a stream rolls its key epochs without a stop, and each batch has receipts over its very end") {
    const TemporaryFolder folder;
    Cluster cluster(3);
    const TestStream stream("sensors");
    auto writer = Writer::open(stream_options(cluster, stream, folder / "spool")).value();
    for (std::uint64_t i = 1; i <= 10; ++i) REQUIRE(writer->write(reading(i)));
    REQUIRE(writer->roll(epoch_key(2)));
    for (std::uint64_t i = 11; i <= 20; ++i) REQUIRE(writer->write(reading(i)));
    REQUIRE(writer->roll(epoch_key(3)));
    REQUIRE(writer->write(reading(21)));
    CHECK(writer->key_epoch() == 3);

    const auto batches = stored(*writer, 2);
    REQUIRE(batches.size() == 2);
    CHECK(batches[0].first_sequence == 1);
    CHECK(batches[0].last_sequence == 10);
    CHECK(batches[0].key_epoch == 1);
    CHECK(batches[0].sigma_d == mac_of(1, 1, 10));
    CHECK(batches[1].first_sequence == 11);
    CHECK(batches[1].last_sequence == 20);
    CHECK(batches[1].sigma_d == mac_of(2, 11, 20));
    CHECK(batches[0].last_time_us <= batches[1].first_time_us);
    for (const StoredBatch& batch : batches) check_receipts(cluster, batch, 2);
    CHECK(writer->take_stored()->empty());  // each once

    REQUIRE(writer->forget(10));
    CHECK(writer->forget(15).error().code == "unknown_batch");
    const StoredBatch last = writer->close().value();
    CHECK(last.first_sequence == 21);
    CHECK(last.sigma_d == mac_of(3, 21, 21));
    check_receipts(cluster, last, 2);
    CHECK(writer->write(reading(22)).error().code == "closed");
}

TEST_CASE("readings are under way soon after they are written, though their bundle is not full") {
    const TemporaryFolder folder;
    Cluster cluster(1);
    const TestStream stream("slow sensor");
    WriterOptions options = stream_options(cluster, stream, folder / "spool");
    std::uint64_t stored_through = 0;
    options.on_progress = [&](const WriterProgress& progress) { stored_through = progress.stored_through; };
    auto writer = Writer::open(options).value();
    REQUIRE(writer->write(reading(1)));
    CHECK(pump_until(*writer, [&] { return stored_through == 1; }));
    REQUIRE(writer->roll(epoch_key(2)));  // nothing is held: an empty frame ends the batch
    const auto batches = stored(*writer, 1);
    CHECK(batches[0].last_sequence == 2);
    CHECK(batches[0].sigma_d == mac_of(1, 1, 1));
}

TEST_CASE("a stream's writer that died goes on in its key epoch, with the same MAC and the same receipts") {
    const TemporaryFolder folder;
    Cluster cluster(2);
    const TestStream stream("meters");
    const WriterOptions options = stream_options(cluster, stream, folder / "spool");
    std::uint64_t next = 1;
    {
        auto writer = Writer::open(options).value();
        for (; next <= 100; ++next) REQUIRE(writer->write(reading(next)));
        REQUIRE(writer->roll(epoch_key(2)));
        for (; next <= 250; ++next) REQUIRE(writer->write(reading(next)));
        std::uint64_t through = 0;
        (void)stored(*writer, 1);  // and died before it was recorded
        CHECK(pump_until(*writer, [&] { return ++through > 5; }));
    }
    auto writer = Writer::open(options).value();
    CHECK(writer->key_epoch() == 2);
    next = writer->next_sequence();
    CHECK(next > 200);
    CHECK(next <= 251);
    const auto again = stored(*writer, 1);
    CHECK(again[0].last_sequence == 100);
    check_receipts(cluster, again[0], 2);
    REQUIRE(writer->forget(100));
    for (; next <= 300; ++next) REQUIRE(writer->write(reading(next)));
    const StoredBatch last = writer->close().value();
    CHECK(last.first_sequence == 101);
    CHECK(last.last_sequence == 300);
    CHECK(last.sigma_d == mac_of(2, 101, 300));

    writer.reset();
    auto finished = Writer::open(options).value();  // the first batch is forgotten: its place is known all the same
    CHECK(finished->closed());
    CHECK(finished->close()->manifest_head == last.manifest_head);
    REQUIRE(finished->roll(epoch_key(3)));
    CHECK(finished->next_sequence() == 301);
}

TEST_CASE("a stream goes on at another operator when the one that serves it dies, and loses no batch's receipts") {
    const TemporaryFolder folder;
    Cluster cluster(3);
    const TestStream stream("traffic");
    auto writer = Writer::open(stream_options(cluster, stream, folder / "spool")).value();
    for (std::uint64_t i = 1; i <= 50; ++i) REQUIRE(writer->write(reading(i)));
    (void)pump_until(*writer, [&, count = 0]() mutable { return ++count > 10; });
    REQUIRE(writer->roll(epoch_key(2)));
    cluster.kill(0);
    for (std::uint64_t i = 51; i <= 100; ++i) REQUIRE(writer->write(reading(i)));
    REQUIRE(writer->roll(epoch_key(3)));
    const auto batches = stored(*writer, 2);
    CHECK(batches[1].first_sequence == batches[0].last_sequence + 1);
    for (const StoredBatch& batch : batches) check_receipts(cluster, batch, 2);
}

TEST_CASE("a caller that pumps without ever waiting starves nobody, nor while an operator is gone") {
    const TemporaryFolder folder;
    Cluster cluster(3);
    const TestStream stream("hasty");
    auto writer = Writer::open(stream_options(cluster, stream, folder / "spool")).value();
    std::vector<std::uint64_t> ends;
    for (std::uint64_t i = 1; i <= 30; ++i) {
        REQUIRE(writer->write(reading(i)));
        if (i % 10 != 0) continue;
        REQUIRE(writer->roll(epoch_key(static_cast<std::uint32_t>(i / 10 + 1))));
        if (i == 20) cluster.kill(0);  // the first, which takes the frames
        const auto deadline = base::steady_now() + 120s;
        while (ends.size() < i / 10 && base::steady_now() < deadline) {
            if (const auto pumped = writer->pump(0ms); !pumped) FAIL(pumped.error().message);
            const auto taken = writer->take_stored().value();
            for (const auto& batch : taken) ends.push_back(batch.last_sequence);
        }
    }
    CHECK(ends == std::vector<std::uint64_t>{10, 20, 30});
}

TEST_CASE("a writer refuses keys and epochs that cannot be") {
    const TemporaryFolder folder;
    Cluster cluster(1);
    const TestStream stream("wrong");
    WriterOptions options = stream_options(cluster, stream, folder / "spool");
    SECTION("a MAC subkey of another length") {
        options.mac_subkey.pop_back();
        CHECK(Writer::open(options).error().code == "bad_options");
    }
    SECTION("an epoch that does not rise") {
        auto writer = Writer::open(options).value();
        CHECK(writer->roll(epoch_key(1)).error().code == "bad_options");
    }
    SECTION("sigma_d from nowhere") {
        options.mac_subkey.clear();
        auto writer = Writer::open(options).value();
        REQUIRE(writer->write(reading(1)));
        CHECK(writer->close().error().code == "bad_options");
        CHECK(writer->roll({2, Bytes(32), {}}).error().code == "bad_options");
    }
    SECTION("a clock that was set back: times never go backwards") {
        options.not_before_us = base::to_us(base::wall_now() + 1h);
        auto writer = Writer::open(options).value();
        REQUIRE(writer->write(reading(1)));
        const StoredBatch batch = writer->close().value();
        CHECK(batch.first_time_us == options.not_before_us);
    }
}
