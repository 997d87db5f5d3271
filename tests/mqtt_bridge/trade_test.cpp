#include <catch2/catch.hpp>

#include "base/encoding.hpp"
#include "identity/crypto/merkle.hpp"
#include "mqtt_bridge/client/bundle.hpp"
#include "mqtt_bridge/client/notice.hpp"
#include "mqtt_bridge/client/receipt.hpp"
#include "mqtt_bridge/log/file_stream_log.hpp"
#include "security_manager/client/session_client.hpp"
#include "tests/mqtt_bridge/cluster.hpp"

using namespace fairstream;
using namespace fairstream::mqtt_bridge::client;
using namespace fairstream::tests;
using identity::crypto::random_bytes;
using identity::crypto::SigningKey;

namespace {

template <typename T>
T must(Result<T> result) {
    if (!result) FAIL(result.error().code + ": " + result.error().message);
    return std::move(*result);
}

StoredBatch uploaded(const WriterOptions& options, const TestStream& stream, const Bytes& plaintext,
                     std::size_t piece = 16u << 10) {
    auto writer = must(Writer::open(options));
    return must(upload(*writer, stream, plaintext, piece));
}

struct Read {
    Bytes plaintext;
    Delivery delivery;
};
Read read(const ReaderOptions& options) {
    Read out;
    out.delivery = must(read_batch(options, [&](ByteView piece) -> Status {
        append(out.plaintext, piece);
        return {};
    }));
    return out;
}

Status into_nothing(ByteView) {
    return {};
}

}  // namespace

TEST_CASE("what a seller uploads, a buyer reads byte for byte, over HTTPS and over MQTT") {
    const TemporaryFolder folder;
    Cluster cluster(3);
    const TestStream stream("weather");
    const Bytes plaintext = random_bytes(1'000'003);
    const StoredBatch batch = uploaded(writer_options(cluster, stream, folder / "spool"), stream, plaintext);

    CHECK(batch.first_sequence == 1);
    CHECK(batch.last_sequence == 62);  // 1,000,003 bytes in pieces of 16 KiB
    CHECK(batch.plaintext_bytes == plaintext.size());
    CHECK(batch.receipts.size() >= 2);
    for (const auto& receipt : batch.receipts) {
        const auto at = static_cast<std::size_t>(receipt.operator_().back() - '1');
        const auto key = identity::did::key_from_did(cluster.endpoint(at).did).value();
        const auto mark = must(verify_receipt(receipt, Cluster::kNetwork, key));
        CHECK(mark.position == mqtt_bridge::log::Position{62, batch.manifest_head});
    }

    const SigningKey buyer = SigningKey::generate();
    ReaderOptions options = reader_options(cluster, stream, buyer, batch, plaintext, folder / "scratch");
    options.transport = GENERATE(Transport::kHttps, Transport::kMqtt);
    const Read got = read(options);
    CHECK(got.plaintext == plaintext);
    CHECK(got.delivery.faults.empty());
    REQUIRE(got.delivery.served.size() == 1);
    CHECK(got.delivery.served[0].operator_() == "op1");
    CHECK(got.delivery.served[0].ranges(0).last() == 62);
    const auto input = identity::crypto::signing_input("delivery-receipt/v1", Cluster::kNetwork,
                                                       as_bytes(got.delivery.receipt.receipt()));
    CHECK(buyer.public_key().verify(
        input, identity::crypto::to_signature(as_bytes(got.delivery.receipt.signature())).value()));
}

TEST_CASE("a batch larger than W is read with receipts on the way, and again by a reader that knows nothing of them") {
    const TemporaryFolder folder;
    Cluster cluster(2);
    const TestStream stream("large");
    const Bytes plaintext = random_bytes(100'000);
    const StoredBatch batch =
        uploaded(writer_options(cluster, stream, folder / "spool"), stream, plaintext, /*piece=*/1'000);
    const SigningKey buyer = SigningKey::generate();
    ReaderOptions options = reader_options(cluster, stream, buyer, batch, plaintext, folder / "scratch");
    options.grant = options.purchase = cluster.window(buyer, stream.id, 0, 0, /*receipt_window=*/30);
    options.transport = GENERATE(Transport::kHttps, Transport::kMqtt);
    const Read got = read(options);
    CHECK(got.plaintext == plaintext);
    CHECK(got.delivery.faults.empty());
    schema::DeliveryReceipt receipt;
    REQUIRE(receipt.ParseFromString(got.delivery.receipt.receipt()));
    CHECK(receipt.counter() == 4);  // three on the way, each over 30 frames, and the last
    CHECK(receipt.served(0).ranges(0).last() == 100);

    options.receipt_counter = 1;  // its state is lost
    const Read again = read(options);
    CHECK(again.plaintext == plaintext);
}

TEST_CASE("an upload survives the death of the operator that takes it, and so does the download") {
    const TemporaryFolder folder;
    Cluster cluster(3);
    const TestStream stream("traffic");
    const Bytes plaintext = random_bytes(3'000'000);
    WriterOptions options = writer_options(cluster, stream, folder / "spool");
    bool killed = false;
    options.on_progress = [&](const WriterProgress& progress) {
        if (killed || progress.frames_stored < 16) return;
        killed = true;
        CHECK(progress.operator_name == "op1");
        cluster.kill(0);
    };
    const StoredBatch batch = uploaded(options, stream, plaintext);
    REQUIRE(killed);
    CHECK(batch.receipts.size() == 2);

    ReaderOptions reading =
        reader_options(cluster, stream, SigningKey::generate(), batch, plaintext, folder / "scratch");
    bool second = false;
    reading.on_progress = [&](const ReaderProgress&) { second = true; };
    const Read got = read(reading);
    CHECK(second);
    CHECK(got.plaintext == plaintext);
    CHECK(got.delivery.faults.size() == 1);  // op1
    CHECK(got.delivery.served[0].operator_() == "op2");

    // The dead one comes back and fills itself from the others.
    cluster.start(0);
    REQUIRE(eventually([&] { return cluster.meshed(); }));
    ReaderOptions from_first =
        reader_options(cluster, stream, SigningKey::generate(), batch, plaintext, folder / "scratch");
    from_first.operators = {cluster.endpoint(0)};
    CHECK(read(from_first).plaintext == plaintext);
}

TEST_CASE("a writer that died goes on where its spool ends") {
    const TemporaryFolder folder;
    Cluster cluster(1);
    const TestStream stream("meters");
    const Bytes plaintext = random_bytes(1'500'000);
    const std::size_t piece = 10'000;
    const WriterOptions options = writer_options(cluster, stream, folder / "spool");
    std::size_t at = 0;
    {
        auto writer = must(Writer::open(options));
        for (; at < 900'000; at += piece) REQUIRE(writer->write(ByteView(plaintext).subspan(at, piece)));
    }
    StoredBatch batch;
    {
        auto writer = must(Writer::open(options));
        at = writer->plaintext_bytes_spooled();
        CHECK(at > 0);
        CHECK(at < 900'000);  // what was in no bundle yet is written again
        CHECK(at % piece == 0);
        for (; at < plaintext.size(); at += piece) REQUIRE(writer->write(ByteView(plaintext).subspan(at, piece)));
        batch = must(writer->close(identity::crypto::hmac_sha256(stream.mac_subkey, plaintext)));
    }
    CHECK(batch.plaintext_bytes == plaintext.size());
    auto again = must(Writer::open(options));  // the ledger's transaction failed, say: the receipts can be had again
    CHECK(again->closed());
    const StoredBatch same = must(again->close({}));
    CHECK(same.manifest_head == batch.manifest_head);
    CHECK(same.merkle_root == batch.merkle_root);
    CHECK(
        read(reader_options(cluster, stream, SigningKey::generate(), batch, plaintext, folder / "scratch")).plaintext ==
        plaintext);
}

TEST_CASE("an operator that serves other bytes is found out, and another serves in its place") {
    const TemporaryFolder folder;
    Cluster cluster(2);
    const TestStream stream("noise");
    const Bytes plaintext = random_bytes(200'000);
    const StoredBatch batch = uploaded(writer_options(cluster, stream, folder / "spool"), stream, plaintext);
    cluster.kill(0);
    {  // one bit of every bundle's last frame
        auto log = must(mqtt_bridge::log::FileStreamLog::open(cluster.data(0) / "log"));
        auto records = must(log->read(identity::crypto::stream_hash(stream.id), 1, 64u << 20));
        log.reset();
        std::filesystem::remove_all(cluster.data(0) / "log");
        log = must(mqtt_bridge::log::FileStreamLog::open(cluster.data(0) / "log"));
        for (auto& record : records) record.raw.back() ^= 1;
        REQUIRE(log->append(records));
    }
    cluster.start(0);
    REQUIRE(eventually([&] { return cluster.meshed(); }));
    const Read got =
        read(reader_options(cluster, stream, SigningKey::generate(), batch, plaintext, folder / "scratch"));
    CHECK(got.plaintext == plaintext);
    REQUIRE(got.delivery.faults.size() == 1);
    CHECK(got.delivery.faults[0].starts_with("op1: wrong_bytes"));
}

TEST_CASE("who does not hold the grant is refused, and who holds it reads no more than it covers") {
    const TemporaryFolder folder;
    Cluster cluster(1);
    const TestStream stream("secret");
    const Bytes plaintext = random_bytes(100'000);
    const StoredBatch batch = uploaded(writer_options(cluster, stream, folder / "spool"), stream, plaintext, 10'000);
    REQUIRE(batch.last_sequence == 10);
    const SigningKey buyer = SigningKey::generate();
    ReaderOptions options = reader_options(cluster, stream, buyer, batch, plaintext, folder / "scratch");

    SECTION("another's grant") {
        options.holder = SigningKey::generate();
        const auto refused = read_batch(options, into_nothing);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().code == "grant_refused");
        CHECK(refused.error().message.find("wrong_holder") != std::string::npos);
    }
    SECTION("an upload grant does not read") {
        options.grant = cluster.grant(schema::UPLOAD, buyer, stream.id, 1, 100);
        const auto refused = read_batch(options, into_nothing);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().message.find("not_covered") != std::string::npos);
    }
    SECTION("a download grant does not write") {
        WriterOptions writing = writer_options(cluster, stream, folder / "other");
        writing.grant = options.grant;
        writing.holder = buyer;
        writing.give_up = std::chrono::seconds(3);
        auto writer = must(Writer::open(writing));
        const auto refused = upload(*writer, stream, plaintext, 10'000);
        REQUIRE_FALSE(refused);
    }
    SECTION("frames beyond the range") {
        options.grant = cluster.grant(schema::DOWNLOAD, buyer, stream.id, 1, 5);
        const auto refused = read_batch(options, into_nothing);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().message.find("not_covered") != std::string::npos);
    }
    SECTION("a recorded MAC that is not the plaintext's") {
        options.sigma_d[0] ^= 1;
        const auto refused = read_batch(options, into_nothing);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().code == "bad_mac");
    }
    SECTION("a recorded root that is not the frames'") {
        options.merkle_root[0] ^= 1;
        const auto refused = read_batch(options, into_nothing);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().code == "bad_root");
    }
}

TEST_CASE("a writer that signs two stories under one number is refused, and the evidence is kept") {
    const TemporaryFolder folder;
    Cluster cluster(2);
    const TestStream stream("twice");
    WriterOptions options = writer_options(cluster, stream, folder / "one");
    uploaded(options, stream, random_bytes(50'000));
    options.spool = folder / "two";
    auto writer = must(Writer::open(options));
    const auto refused = upload(*writer, stream, random_bytes(50'000), 10'000);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == "conflict");
    CHECK(eventually([&] { return std::filesystem::exists(cluster.data(0) / "evidence"); }));
}

TEST_CASE("a second batch goes on with the numbers and the chain of the first") {
    const TemporaryFolder folder;
    Cluster cluster(2);
    const TestStream stream("daily");
    const Bytes first = random_bytes(50'000), second = random_bytes(70'000);
    WriterOptions options = writer_options(cluster, stream, folder / "one");
    const StoredBatch one = uploaded(options, stream, first, 10'000);
    options.spool = folder / "two";
    options.first_sequence = one.last_sequence + 1;
    options.previous_manifest = to_bytes(ByteView(one.manifest_head));
    const StoredBatch two = uploaded(options, stream, second, 10'000);
    CHECK(two.first_sequence == 6);
    CHECK(two.last_sequence == 12);
    CHECK(read(reader_options(cluster, stream, SigningKey::generate(), two, second, folder / "scratch")).plaintext ==
          second);
    options.spool = folder / "one";
    const auto wrong = Writer::open(options);
    REQUIRE_FALSE(wrong);
    CHECK(wrong.error().code == "wrong_spool");
}

TEST_CASE("ranges over HTTPS: bounded by the session, counted, and a captured request serves once") {
    const TemporaryFolder folder;
    Cluster cluster(1);
    const TestStream stream("ranges");
    const Bytes plaintext = random_bytes(100'000);
    uploaded(writer_options(cluster, stream, folder / "spool"), stream, plaintext, 10'000);
    const SigningKey buyer = SigningKey::generate();
    const std::string url = cluster.endpoint(0).https_url;
    base::net::HttpClient http(cluster.roots());
    const auto now = [] { return base::wall_now(); };
    const auto get = [&](const std::string& path, const std::string& query,
                         std::map<std::string, std::string> headers) {
        return must(http.request("GET", url + path + query, headers, {}, std::chrono::seconds(60)));
    };
    const auto session =
        must(security_manager::client::open_session(http,
                                                    {.https_url = url,
                                                     .operator_name = "op1",
                                                     .network = Cluster::kNetwork,
                                                     .grant = cluster.grant(schema::DOWNLOAD, buyer, stream.id, 3, 8),
                                                     .as_operator = {}},
                                                    buyer, now()));
    const std::string path = "/v1/streams/" + base::to_hex(identity::crypto::stream_hash(stream.id)) + "/frames";
    const auto proof = [&](const std::string& of) {
        return security_manager::client::request_headers(session, buyer, "GET", url + of, now());
    };

    const auto headers = proof(path);
    const auto five = get(path, "?from=3&limit=5", headers);
    REQUIRE(five.status == 200);
    CHECK(must(split_frames(as_bytes(five.body))).size() == 5);
    CHECK(get(path, "?from=3&limit=5", headers).status == 401);  // the same proof again
    CHECK(must(split_frames(as_bytes(get(path, "?from=7&limit=100", proof(path)).body))).size() == 2);  // up to 8
    CHECK(get(path, "?from=2&limit=1", proof(path)).status == 403);
    CHECK(get(path, "?from=9&limit=1", proof(path)).status == 403);
    CHECK(get(path, "?from=0&limit=1", proof(path)).status == 400);
    CHECK(get(path, "?from=3&limit=x", proof(path)).status == 400);
    CHECK(get(path, "?from=3", proof(path)).status == 400);
    CHECK(get(path, "?from=3&limit=1", {}).status == 401);
    const std::string other = "/v1/streams/" + std::string(32, 'a') + "/frames";
    CHECK(get(other, "?from=3&limit=1", proof(other)).status == 403);
    const std::string receipts = "/v1/streams/" + base::to_hex(identity::crypto::stream_hash(stream.id)) + "/receipts";
    CHECK(get(receipts, "", proof(receipts)).body.find("\"through\":10") != std::string::npos);

    CHECK(get("/healthz", "", {}).status == 200);
    CHECK(get("/v1/info", "", {}).body.find("\"operator\":\"op1\"") != std::string::npos);
    CHECK(get("/metrics", "", {}).body.find("fairstream_operator_frames_served_total 7") != std::string::npos);
    CHECK(get("/nothing", "", {}).status == 404);
}
