// A crash at every named point of committing a block: whatever was committed before it is there after it, and the
// blocks after it bring the node to where the others are.
#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>

#include "base/file.hpp"
#include "ledger/blocks/segment.hpp"
#include "ledger/node/chain.hpp"
#include "ledger/proto/wire.hpp"
#include "tests/ledger/node/cluster.hpp"
#include "tests/ledger/storage/crash.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using ledger::node::Chain;
namespace proto = ledger::proto;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMaxFileBytes = 4u << 20;
constexpr std::uint64_t kOneBlockEach = 1;  // bytes of a segment
constexpr std::uint64_t kAllInOne = 1u << 20;

using Rows = std::vector<std::pair<std::string, std::string>>;

Bytes read(const fs::path& file) {
    return base::read_file(file, kMaxFileBytes).value();
}

/// Blocks as a network decided them, one with a private value and one with another config, in files for a process of
/// its own; and what they amount to.
class Decided {
public:
    explicit Decided(std::uint64_t segment_bytes) {
        const auto client = cluster_.client();
        const auto submit = [&](const ledger::client::Invocation& what) {
            REQUIRE(code(client->submit(cluster_.alice, what)) == "ok");
        };
        submit(kv("Put", "a=1"));
        submit(kv("Hide", "share", "the secret"));
        REQUIRE(code(cluster_.reconfigure(
                    [](auto& config) { config.mutable_limits()->set_max_block_transactions(400); })) == "ok");
        submit(kv("Put", "b=2"));
        REQUIRE(cluster_.agree());
        count_ = client->info()->height();
        write("genesis", cluster_.genesis());
        write("segment_bytes", as_bytes(std::to_string(segment_bytes)));
        for (std::uint64_t height = 1; height <= count_; ++height)
            write("block" + std::to_string(height), ledger::proto::encode(client->block(height).value()));
        look_at_whole();
    }

    const fs::path& folder() const { return folder_.path(); }
    std::uint64_t count() const { return count_; }
    std::uint64_t hiding() const { return hiding_; }
    const Rows& rows() const { return rows_; }
    const std::string& private_key() const { return private_key_; }

private:
    void write(const std::string& name, ByteView bytes) const { REQUIRE(base::write_file(folder_ / name, bytes)); }
    /// Commits them all without a crash, to a node that has not endorsed and lacks the private value.
    void look_at_whole();

    Cluster cluster_{1};
    TemporaryFolder folder_;
    std::uint64_t count_ = 0;
    std::uint64_t hiding_ = 0;  // the block with the private value
    std::string private_key_;
    Rows rows_;
};

Rows rows_of(Chain& chain) {
    Rows out;
    REQUIRE(chain.state().rows()->scan([&](std::string_view key, std::string_view value) {
        out.emplace_back(key, value);
        return true;
    }));
    return out;
}

std::uint64_t segment_bytes(const fs::path& from) {
    return std::stoull(base::to_string(read(from / "segment_bytes")));
}

/// A node's chain over the blocks that lie in a folder.
struct Committer {
    explicit Committer(const fs::path& from, const fs::path& data)
        : source(from), channel(ledger::contract::Channel::make(read(from / "genesis")).value()) {
        auto opened = Chain::open(data, channel, pool, {.genesis_snapshot = {}, .segment_bytes = segment_bytes(from)});
        INFO((opened ? "" : opened.error().message));
        REQUIRE(code(opened) == "ok");
        chain = std::move(*opened);
    }
    std::uint64_t height() const { return chain->blocks().height(); }
    /// What this node has endorsed lies ready.
    void stage() const {
        if (height() > 0) return;
        const auto entry = proto::decode<proto::PrivateEntry>(read(source / "entry")).value();
        const auto id = identity::crypto::to_hash(read(source / "transaction")).value();
        REQUIRE(chain->private_store().stage(id, {entry}, base::wall_now()));
    }
    void commit_next() const {
        const auto bytes = read(source / ("block" + std::to_string(height() + 1)));
        REQUIRE(code(chain->commit(proto::decode<proto::DecidedBlock>(bytes).value())) == "ok");
    }

    fs::path source;
    std::shared_ptr<const ledger::contract::Channel> channel;
    base::Pool pool{1};
    std::unique_ptr<Chain> chain;
};

void Decided::look_at_whole() {
    const TemporaryFolder data;
    const Committer whole(folder(), data.path());
    for (std::uint64_t height = 1; height <= count_; ++height) {
        const auto bytes = read(folder() / ("block" + std::to_string(height)));
        const auto applied = whole.chain->commit(proto::decode<proto::DecidedBlock>(bytes).value());
        REQUIRE(code(applied) == "ok");
        if (!applied->private_writes) continue;
        hiding_ = height;
        REQUIRE(applied->transactions.size() == 1);
        write("transaction", applied->transactions[0]);
    }
    rows_ = rows_of(*whole.chain);
    const auto missing = whole.chain->private_store().missing(8).value();
    REQUIRE(missing.size() == 1);
    private_key_ = missing[0].key();
    proto::PrivateRequest request;
    request.add_keys(private_key_);
    const auto answer =
        cluster_.call_peer_port(0, proto::PeerMethod::kPrivate, ledger::proto::encode(request), cluster_.tls(0));
    REQUIRE(code(answer) == "ok");
    const auto reply = proto::decode<proto::PrivateReply>(*answer).value();
    REQUIRE(reply.entries_size() == 1);
    write("entry", ledger::proto::encode(reply.entries(0)));
}

/// What a node was told is committed.
std::uint64_t told(const fs::path& data) {
    std::uint64_t height = 0;
    for (std::ifstream in(data / "told"); in >> height;) {
    }
    return height;
}

fs::path newest_segment(const fs::path& data) {
    fs::path newest;
    for (const auto& entry : fs::directory_iterator(data / "blocks"))
        if (entry.path().extension() == ".blocks") newest = std::max(newest, entry.path());
    return newest;
}

/// The node goes on, and ends where the others are.
void check_goes_on(const Decided& decided, const fs::path& data) {
    const Committer node(decided.folder(), data);
    CHECK(node.height() >= told(data));
    CHECK(node.chain->state().height() == node.height());
    node.stage();
    while (node.height() < decided.count()) node.commit_next();
    CHECK(rows_of(*node.chain) == decided.rows());
    CHECK(node.chain->private_store().missing(8)->empty());
    const auto value = node.chain->private_store().get(decided.private_key());
    REQUIRE((value && *value));
    CHECK((*value)->value() == "the secret");
}

}  // namespace

/// Run by the tests below in a process of its own, which a crash point ends.
TEST_CASE("commits the blocks that it finds", "[.]") {
    const fs::path source = std::getenv("FAIRSTREAM_TEST_FOLDER");
    const auto data = source / "data";
    const Committer node(source, data);
    node.stage();
    while (fs::exists(source / ("block" + std::to_string(node.height() + 1)))) {
        node.commit_next();
        std::ofstream(data / "told", std::ios::app) << node.height() << '\n';
    }
}

TEST_CASE("after a crash at any point of committing, what was committed is there, and the node goes on") {
    const Decided decided(kOneBlockEach);
    REQUIRE(decided.count() >= 4);
    const auto data = decided.folder() / "data";
    const std::string once = "chain.before_private";
    for (const std::string point :
         {"blocks.before_index", "blocks.before_segment", "blocks.after_segment", "blocks.before_write",
          "blocks.before_sync", "chain.after_block", "chain.before_private", "chain.before_state", "chain.after_state"})
        for (const unsigned passing : {1u, 2u, 3u}) {
            if (point == once && passing > 1) continue;
            INFO(point << ", passing " << passing);
            fs::remove_all(data);
            crash_at(point, passing, "commits the blocks that it finds", decided.folder());
            check_goes_on(decided, data);
        }
}

TEST_CASE("a crash while the state is brought up to the blocks is made good, again and again") {
    const Decided decided(kOneBlockEach);
    const auto data = decided.folder() / "data";
    crash_at("chain.after_block", static_cast<unsigned>(decided.hiding()), "commits the blocks that it finds",
             decided.folder());
    fs::remove_all(data / "state");  // all of it is to be made again, and the private value's block is the last
    for (const auto* point : {"chain.before_state", "chain.after_state", "chain.before_private"}) {
        INFO(point);
        crash_at(point, 1, "commits the blocks that it finds", decided.folder());
    }
    check_goes_on(decided, data);
}

TEST_CASE("a power cut within an append leaves a torn tail or none, and no block that was committed is lost") {
    const Decided decided(kAllInOne);
    const auto data = decided.folder() / "data";
    const auto passing = static_cast<unsigned>(decided.hiding());
    const auto crash = [&](const char* point, unsigned nth) {
        crash_at(point, nth, "commits the blocks that it finds", decided.folder());
    };
    // Bytes of the unsynced record that reached the disk, of those the file has grown by.
    using Pages = std::pair<std::uint64_t, bool>;
    for (const auto& [written, grown] :
         {Pages{0, false}, Pages{0, true}, Pages{1, false}, Pages{ledger::blocks::kRecordHeaderBytes, true},
          Pages{ledger::blocks::kRecordHeaderBytes + 100, false},
          Pages{ledger::blocks::kRecordHeaderBytes + 100, true}}) {
        INFO(written << " bytes, " << (grown ? "then zeros" : "then the end"));
        fs::remove_all(data);
        crash("blocks.before_write", passing);
        const auto segment = newest_segment(data);
        const auto before = fs::file_size(segment);
        crash("blocks.before_sync", 1);
        REQUIRE(newest_segment(data) == segment);
        const auto after = fs::file_size(segment);
        REQUIRE(after > before + written);
        fs::resize_file(segment, before + written);
        if (grown) fs::resize_file(segment, after);
        if (written > 0 || grown) {
            crash("blocks.before_tail_cut", 1);
            CHECK(fs::file_size(segment) > before);
            crash("blocks.after_tail_cut", 1);
            CHECK(fs::file_size(segment) == before);
        }
        check_goes_on(decided, data);
    }
}

/// Run by the next test in a process of its own, which a crash point ends.
TEST_CASE("prunes the blocks that it has", "[.]") {
    const fs::path source = std::getenv("FAIRSTREAM_TEST_FOLDER");
    const Committer node(source, source / "data");
    REQUIRE(node.chain->blocks().prune(node.height()));
}

TEST_CASE("after a crash at any point of pruning, the marker says what is left, and no block above it is lost") {
    const Decided decided(kOneBlockEach);
    const auto data = decided.folder() / "data";
    {
        const Committer node(decided.folder(), data);
        node.stage();
        while (node.height() < decided.count()) node.commit_next();
    }
    const auto segments = [&] {
        std::uint64_t count = 0;
        for (const auto& entry : fs::directory_iterator(data / "blocks"))
            count += entry.path().extension() == ".blocks" ? 1 : 0;
        return count;
    };
    const auto base = [&] {
        const Committer node(decided.folder(), data);
        const auto oldest = node.chain->blocks().base().height;
        for (auto height = oldest + 1; height <= decided.count(); ++height) CHECK(node.chain->blocks().read(height));
        CHECK(segments() == decided.count() - oldest);  // files that the marker has given up go at the next start
        return oldest;
    };
    crash_at("blocks.before_base", 1, "prunes the blocks that it has", decided.folder());
    CHECK(base() == 0);
    crash_at("blocks.before_remove", 2, "prunes the blocks that it has", decided.folder());
    CHECK(segments() == decided.count() - 1);
    crash_at("blocks.before_remove", 1, "prunes the blocks that it has", decided.folder());  // while it opens
    CHECK(segments() == decided.count() - 1);
    CHECK(base() == decided.count() - 1);
    check_goes_on(decided, data);
}

TEST_CASE("a power cut that takes the state's last writes is made good from the blocks") {
    const Decided decided(kAllInOne);
    const auto data = decided.folder() / "data";
    for (const unsigned kept_quarters : {0u, 1u, 2u, 3u}) {
        INFO(kept_quarters << " quarters of the state's log are left");
        fs::remove_all(data);
        crash_at("chain.after_state", static_cast<unsigned>(decided.count()), "commits the blocks that it finds",
                 decided.folder());
        std::uint64_t cut = 0;
        for (const auto& entry : fs::directory_iterator(data / "state"))
            if (entry.path().extension() == ".log") {
                const auto size = entry.file_size();
                fs::resize_file(entry.path(), size * kept_quarters / 4);
                cut += size - size * kept_quarters / 4;
            }
        REQUIRE(cut > 0);
        check_goes_on(decided, data);
    }
}
