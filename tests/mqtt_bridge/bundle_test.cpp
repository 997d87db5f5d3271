#include <catch2/catch.hpp>
#include <filesystem>

#include "base/file.hpp"
#include "identity/crypto/merkle.hpp"
#include "mqtt_bridge/client/bundle.hpp"
#include "mqtt_bridge/client/notice.hpp"
#include "mqtt_bridge/client/receipt.hpp"
#include "mqtt_bridge/client/spool.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace fairstream;
using namespace fairstream::mqtt_bridge::client;
using namespace fairstream::identity::crypto;
using fairstream::tests::TemporaryFolder;

namespace {

constexpr const char* kNetwork = "testnet";

struct Made {
    ManifestFields manifest;
    std::vector<Bytes> frames;
};

Made make(std::uint64_t first, std::uint64_t count, const Hash& previous = {}) {
    Made out;
    out.manifest.stream = stream_hash("a stream");
    out.manifest.writer.fill(7);
    out.manifest.first = first;
    out.manifest.last = first + count - 1;
    out.manifest.previous = previous;
    MerkleAccumulator tree;
    for (std::uint64_t i = 0; i < count; ++i) {
        const FrameHeader header{
            .stream = out.manifest.stream, .writer = out.manifest.writer, .key_epoch = 1, .sequence = first + i};
        out.frames.push_back(seal_frame(Bytes(32, 1), header, to_bytes("reading " + std::to_string(first + i))));
        tree.add(merkle_leaf(out.frames.back()));
    }
    out.manifest.root = tree.root();
    return out;
}

std::string refusal(const Made& made, const SigningKey& key) {
    const auto sealed = seal_bundle(made.manifest, std::nullopt, made.frames, kNetwork, key);
    const auto record = check_bundle(sealed.raw, kNetwork, key.public_key());
    return record ? "" : record.error().code;
}

}  // namespace

TEST_CASE("a bundle is taken as its writer signed it, and under no other key or network") {
    const SigningKey key = SigningKey::generate();
    const Made made = make(1, 3);
    const Sealed sealed = seal_bundle(made.manifest, std::nullopt, made.frames, kNetwork, key);
    const auto record = check_bundle(sealed.raw, kNetwork, key.public_key());
    REQUIRE(record);
    CHECK(record->first == 1);
    CHECK(record->last == 3);
    CHECK(record->head == sealed.head);
    CHECK(record->raw == sealed.raw);
    CHECK(frames_of(sealed.raw).value() == made.frames);
    CHECK(check_bundle(sealed.raw, "othernet", key.public_key()).error().code == "bad_signature");
    CHECK(check_bundle(sealed.raw, kNetwork, SigningKey::generate().public_key()).error().code == "bad_signature");
    CHECK(check_bundle(random_bytes(200), kNetwork, key.public_key()).error().code.starts_with("bad_"));
    CHECK(check_bundle({}, kNetwork, key.public_key()).error().code == "bad_bundle");
    CHECK(check_bundle(Bytes(3u << 20), kNetwork, key.public_key()).error().code == "too_large");
}

TEST_CASE("a manifest that its frames do not bear out is refused, though it is signed") {
    const SigningKey key = SigningKey::generate();
    Made made = make(5, 3, random_hash());
    REQUIRE(refusal(made, key).empty());
    SECTION("a changed ciphertext") {
        made.frames[1].back() ^= 1;
        CHECK(refusal(made, key) == "bad_root");
    }
    SECTION("a frame too few") {
        made.frames.pop_back();
        CHECK(refusal(made, key) == "bad_range");
    }
    SECTION("no frames at all") {
        made.frames.clear();
        CHECK(refusal(made, key) == "bad_range");
    }
    SECTION("frames in another order") {
        std::swap(made.frames[0], made.frames[1]);
        CHECK(refusal(made, key) == "bad_frame");
    }
    SECTION("frames of another stream") {
        made.manifest.stream = stream_hash("another stream");
        CHECK(refusal(made, key) == "bad_frame");
    }
    SECTION("frames of another writer instance") {
        made.manifest.writer.fill(8);
        CHECK(refusal(made, key) == "bad_frame");
    }
    SECTION("numbers that begin at nothing") {
        made.manifest.first = 0;
        CHECK(refusal(made, key) == "bad_range");
    }
    SECTION("no manifest before one in the middle") {
        made.manifest.previous = {};
        CHECK(refusal(made, key) == "bad_range");
    }
    SECTION("something that is no frame") {
        made.frames[2].resize(20);
        CHECK(refusal(made, key) == "bad_frame");
    }
}

TEST_CASE("one signature speaks for the marks of many streams, each of them provable alone") {
    const SigningKey key = SigningKey::generate();
    std::vector<StreamMark> marks;
    for (int i = 1; i <= 5; ++i)
        marks.push_back({stream_hash("stream " + std::to_string(i)), {static_cast<std::uint64_t>(i), random_hash()}});
    const auto receipts = sign_receipts(marks, "op1", kNetwork, key, base::from_us(1'000'000));
    REQUIRE(receipts.size() == 5);
    for (std::size_t i = 0; i < receipts.size(); ++i) {
        CHECK(receipts[i].signature() == receipts[0].signature());
        CHECK(verify_receipt(receipts[i], kNetwork, key.public_key()).value() == marks[i]);
    }
    auto forged = receipts[2];
    SECTION("another mark") {
        forged.set_mark(receipts[3].mark());
    }
    SECTION("another place") {
        forged.set_mark_index(3);
    }
    SECTION("another operator's name") {
        forged.set_operator_("op2");
    }
    SECTION("another time") {
        forged.set_time_us(2'000'000);
    }
    SECTION("a shorter path") {
        forged.mutable_path()->RemoveLast();
    }
    SECTION("another root") {
        forged.set_root(receipts[2].root() + "x");
    }
    const auto refused = verify_receipt(forged, kNetwork, key.public_key());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == "bad_receipt");
}

TEST_CASE("a spool remembers what was written, sent and stored, over a torn end and not over damage") {
    const TemporaryFolder folder;
    const SigningKey key = SigningKey::generate();
    const Hash identity = random_hash();
    const Made one = make(1, 3);
    const Sealed first = seal_bundle(one.manifest, std::nullopt, one.frames, kNetwork, key);
    const Made two = make(4, 2, first.head);
    {
        auto spool = Spool::open(folder.path(), identity, 1, {}).value();
        REQUIRE(spool.add(one.manifest, first, one.frames));
        REQUIRE(
            spool.add(two.manifest, seal_bundle(two.manifest, std::nullopt, two.frames, kNetwork, key), two.frames));
        spool.stored(3);
        CHECK(Spool::open(folder.path(), identity, 1, {}).error().code == "in_use");
    }
    const auto journal = folder / "journal";
    Bytes bytes = base::read_file(journal).value();
    SECTION("as it was") {
        const auto spool = Spool::open(folder.path(), identity, 1, {}).value();
        CHECK(spool.next_sequence() == 6);
        CHECK(spool.first_unstored() == 1);
        CHECK(spool.frames() == 5);
        CHECK(frames_of(spool.bundle(spool.entries()[1]).value()).value() == two.frames);
    }
    SECTION("torn") {
        std::filesystem::resize_file(journal, bytes.size() - 1);
        CHECK(Spool::open(folder.path(), identity, 1, {}).value().next_sequence() == 4);
    }
    SECTION("damaged") {
        const auto at = GENERATE(/*mark*/ 32, /*length*/ 36, /*sum*/ 40, /*body*/ 72 + 20);  // of the first record
        bytes[static_cast<std::size_t>(at)] ^= 1;
        REQUIRE(base::write_file(journal, bytes));
        CHECK(Spool::open(folder.path(), identity, 1, {}).error().code == "spool_damaged");
    }
    SECTION("another's") {
        CHECK(Spool::open(folder.path(), random_hash(), 1, {}).error().code == "wrong_spool");
    }
}

TEST_CASE("notices and range requests are read back as written, and nonsense is refused") {
    const Notice expected{
        .type = Notice::Type::kExpected, .stream = stream_hash("s"), .position = {7, random_hash()}, .error = {}};
    const auto read = Notice::decode(expected.encode()).value();
    CHECK(read.stream == expected.stream);
    CHECK(read.position == expected.position);
    const Notice refused{
        .type = Notice::Type::kRefused, .stream = stream_hash("s"), .position = {}, .error = {"conflict", "because"}};
    CHECK(Notice::decode(refused.encode())->error == refused.error);
    for (const std::string bad : {"", "[]", "{}", R"({"type":"expected","stream":"00"})", R"({"type":"refused"})"})
        CHECK_FALSE(Notice::decode(bad));
    CHECK_FALSE(Notice::decode(std::string(5000, '{')));

    const auto range = RangeRequest::decode(RangeRequest{3, 9}.encode()).value();
    CHECK(range.from == 3);
    CHECK(range.limit == 9);
    CHECK_FALSE(RangeRequest::decode(RangeRequest{0, 9}.encode()));
    CHECK_FALSE(RangeRequest::decode(Bytes(11)));

    Bytes list;
    append_frame(list, to_bytes("one"));
    append_frame(list, to_bytes(""));
    CHECK(split_frames(list).value() == std::vector<Bytes>{to_bytes("one"), {}});
    list.push_back(9);
    CHECK_FALSE(split_frames(list));
    CHECK_FALSE(split_frames(Bytes{0xff, 0xff, 0xff, 0xff, 1}));
}
