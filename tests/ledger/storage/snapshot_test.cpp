#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "ledger/snapshot/statements.hpp"
#include "tests/ledger/storage/crash.hpp"
#include "tests/ledger/storage/stored_chain.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using namespace ledger::snapshot;
using ledger::state::StateStore;
namespace fs = std::filesystem;

namespace {

struct Fixture : StoredChain {
    int keys = 0;
    std::unique_ptr<ledger::state::PrivateStore> privates = ledger::state::memory_private();
    std::unique_ptr<SnapshotStore> snapshots = value_of(SnapshotStore::open(folder / "snapshots"));

    /// A state of some keys, transactions, refusals, and one value that fills a chunk of its own.
    void some_blocks() {
        auto unsigned_one = put("x=1");
        unsigned_one.mutable_signed_proposal()->set_signature(std::string(64, 's'));
        commit({put("a=1"), put("b=2"), unsigned_one});
        for (int i = 0; i < 6; ++i) commit({put("big" + std::to_string(keys++) + "=" + std::string(400'000, 'v'))});
        commit({put("a=3")});
    }
    std::string header() {
        return value_of(proto::decode<proto::Block>(value_of(blocks->read(blocks->height())).block())).header();
    }
    Kept take() { return value_of(snapshots->write(*market.state().rows(), "market", header())); }
    fs::path place(const Kept& kept) { return folder / "snapshots" / fmt::format("{:020}", kept.height); }
};

std::map<std::string, std::string> rows_of(const StateStore& state) {
    std::map<std::string, std::string> out;
    value_of(state.rows()->scan([&](std::string_view key, std::string_view value) {
        out.emplace(key, value);
        return true;
    }));
    return out;
}

void damage(const fs::path& file, std::uint64_t at) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(at));
    const char byte = static_cast<char>(stream.get() ^ 0x55);
    stream.seekp(static_cast<std::streamoff>(at));
    stream.put(byte);
}

}  // namespace

TEST_CASE_METHOD(Fixture, "a state made from a snapshot is the same, row by row, in memory and on disk") {
    for (int i = 0; i < 3; ++i) some_blocks();
    const auto kept = take();
    CHECK(kept.height == market.parent().height);
    CHECK(value_of(parse_manifest(kept.manifest)).chunks_size() >= 2);

    const auto on_disk = value_of(StateStore::open(folder / "state"));
    const auto in_memory = ledger::state::memory_state();
    for (auto* state : {on_disk.get(), in_memory.get()}) {
        value_of(snapshots->install(kept, *state, *privates));
        CHECK(state->height() == kept.height);
        CHECK(rows_of(*state) == rows_of(market.state()));
    }
    const auto again = value_of(StateStore::open(folder / "other"));
    CHECK(again->height() == 0);
    // The same state gives the same snapshot, wherever it lies.
    const auto elsewhere = value_of(SnapshotStore::open(folder / "elsewhere"));
    CHECK(value_of(elsewhere->write(*on_disk->rows(), "market", header())).name == kept.name);
}

TEST_CASE_METHOD(Fixture, "a snapshot is of one height, whatever commits meanwhile") {
    some_blocks();
    const auto rows = market.state().rows();
    const auto header_then = header();
    const auto expected = rows_of(market.state());
    commit({put("a=later"), put("new=key")});
    const auto kept = value_of(snapshots->write(*rows, "market", header_then));
    const auto state = ledger::state::memory_state();
    value_of(snapshots->install(kept, *state, *privates));
    CHECK(rows_of(*state) == expected);
}

TEST_CASE_METHOD(Fixture, "installing replaces whatever state was there before") {
    some_blocks();
    const auto kept = take();
    Consortium other({.organisations = 4}, {notes_contract()});
    other.commit({value_of(other.endorse(Actor(), "notes", "Put", as_bytes("stranger=1")))});
    const auto state = value_of(StateStore::open(folder / "state"));
    {
        const auto loader = value_of(state->loader());
        value_of(other.state().rows()->scan([&](std::string_view key, std::string_view value) {
            value_of(loader->add(key, value));
            return true;
        }));
        value_of(loader->finish());
    }
    CHECK(state->height() == 1);
    value_of(snapshots->install(kept, *state, *privates));
    CHECK(rows_of(*state) == rows_of(market.state()));
    CHECK(state->height() == kept.height);
}

TEST_CASE_METHOD(Fixture, "snapshots are found again after a restart, and only the newest are retained") {
    std::vector<Kept> taken;
    for (int i = 0; i < 4; ++i) {
        commit({put("a=" + std::to_string(i))});
        taken.push_back(take());
    }
    value_of(snapshots->retain(3, /*keep_from=*/taken[3].height));
    CHECK(snapshots->all().size() == 3);
    value_of(snapshots->retain(1, /*keep_from=*/taken[2].height));  // the third is still needed
    snapshots = value_of(SnapshotStore::open(folder / "snapshots"));
    REQUIRE(snapshots->all().size() == 2);
    CHECK(snapshots->all()[0].name == taken[2].name);
    CHECK(snapshots->find(taken[3].name)->height == taken[3].height);
    CHECK_FALSE(snapshots->find(taken[0].name));
    CHECK(snapshots->chunk(taken[0].name, 0).error().code == "not_found");
    CHECK(snapshots->chunk(taken[3].name, 99).error().code == "not_found");
}

TEST_CASE_METHOD(Fixture, "a damaged chunk is neither served nor installed, and named") {
    some_blocks();
    const auto kept = take();
    damage(place(kept) / "000000.chunk", 1000);
    const auto served = snapshots->chunk(kept.name, 0);
    REQUIRE_FALSE(served);
    CHECK(served.error().code == "damaged");
    CHECK(served.error().message.find("000000.chunk") != std::string::npos);
    const auto state = value_of(StateStore::open(folder / "state"));
    CHECK(snapshots->install(kept, *state, *privates).error().code == "damaged");
    CHECK(state->height() == 0);
    CHECK(rows_of(*state).empty());
}

TEST_CASE_METHOD(Fixture, "a snapshot that cannot be finished leaves nothing behind") {
    some_blocks();
    const std::atomic<bool> cancel{true};
    CHECK(snapshots->write(*market.state().rows(), "market", header(), &cancel).error().code == "cancelled");
    CHECK(fs::is_empty(folder / "snapshots"));
    CHECK(snapshots->all().empty());
}

TEST_CASE_METHOD(Fixture, "what a crash leaves of a snapshot is a whole one or none") {
    some_blocks();
    const std::vector<std::pair<std::string, bool>> points = {{"snapshot.before_chunk", false},
                                                              {"snapshot.before_manifest", false},
                                                              {"snapshot.before_rename", false},
                                                              {"snapshot.after_rename", true}};
    for (const auto& [point, whole] : points) {
        INFO(point);
        crash_at(point, 1, [&] { take(); });
        snapshots = value_of(SnapshotStore::open(folder / "snapshots"));
        REQUIRE(snapshots->all().size() == (whole ? 1u : 0u));
    }
    const auto state = ledger::state::memory_state();
    value_of(snapshots->install(snapshots->all()[0], *state, *privates));
    CHECK(rows_of(*state) == rows_of(market.state()));
}

/// Run by the next test in a process of its own: RocksDB's threads do not live on in a forked child.
TEST_CASE("installs a snapshot", "[.]") {
    const fs::path folder = std::getenv("FAIRSTREAM_TEST_FOLDER");
    const auto snapshots = value_of(SnapshotStore::open(folder / "snapshots"));
    const auto state = value_of(StateStore::open(folder / "state"));
    value_of(snapshots->install(snapshots->all().at(0), *state, *ledger::state::memory_private()));
}

TEST_CASE_METHOD(Fixture, "what a crash leaves of an installation is no state, or the whole") {
    some_blocks();
    const auto kept = take();
    const auto expected = rows_of(market.state());
    for (const std::string point : {"snapshot.installing", "snapshot.before_load", "snapshot.after_load"}) {
        INFO(point);
        fs::remove_all(folder / "state");
        crash_at(point, 1, "installs a snapshot", folder.path());
        const auto state = value_of(StateStore::open(folder / "state"));
        CHECK(state->height() == (point == "snapshot.after_load" ? kept.height : 0));
        value_of(snapshots->install(kept, *state, *privates));
        CHECK(rows_of(*state) == expected);
    }
}

TEST_CASE_METHOD(Fixture, "a fetched snapshot is resumed chunk by chunk, and takes no wrong one") {
    for (int i = 0; i < 3; ++i) some_blocks();
    const auto kept = take();
    const auto path = folder / "fetched";
    const auto count = static_cast<std::uint32_t>(value_of(parse_manifest(kept.manifest)).chunks_size());
    REQUIRE(count >= 2);
    {
        const auto fetched = value_of(SnapshotStore::open(path));
        value_of(fetched->begin(kept));
        CHECK(fetched->lacking().size() == count);
        CHECK(fetched->put(0, as_bytes("forged")).error().code == "wrong_chunk");
        CHECK(fetched->put(0, value_of(snapshots->chunk(kept.name, 1))).error().code == "wrong_chunk");
        value_of(fetched->put(1, value_of(snapshots->chunk(kept.name, 1))));
        CHECK(fetched->all().empty());
    }
    {
        const auto fetched = value_of(SnapshotStore::open(path));
        REQUIRE(fetched->begun());
        CHECK(fetched->begun()->name == kept.name);
        CHECK(fetched->lacking().size() == count - 1);
        value_of(fetched->begin(kept));
        for (const auto index : fetched->lacking())
            value_of(fetched->put(index, value_of(snapshots->chunk(kept.name, index))));
        crash_at("snapshot.before_rename", 1, [&] { value_of(fetched->complete()); });
    }
    damage(path / fmt::format("{:020}.fetching", kept.height) / "000001.chunk", 5);
    const auto fetched = value_of(SnapshotStore::open(path));
    CHECK(fetched->lacking() == std::vector<std::uint32_t>{1});
    value_of(fetched->put(1, value_of(snapshots->chunk(kept.name, 1))));
    CHECK(value_of(fetched->complete()).name == kept.name);
    CHECK(fetched->all().size() == 1);
    CHECK_FALSE(fetched->begun());
}

TEST_CASE("manifests and chunks from outside are held to their bounds") {
    proto::SnapshotManifest manifest;
    manifest.set_channel("market");
    const auto code = [](const proto::SnapshotManifest& m) {
        const auto parsed = parse_manifest(proto::encode(m));
        return parsed ? "good" : parsed.error().message;
    };
    CHECK(code(manifest) == "good");
    auto bad = manifest;
    bad.add_chunks("short");
    CHECK(code(bad) == "snapshot: a chunk's hash has not 32 bytes");
    bad = manifest;
    bad.set_height(5);
    CHECK(code(bad) == "snapshot: the header is of another block or channel");
    bad = manifest;
    bad.set_header("x");
    CHECK(code(bad) == "snapshot: a header where there is no block");
    bad = manifest;
    bad.set_channel("Not A Name");
    CHECK(code(bad) == "snapshot: a manifest without a channel");
    bad = manifest;
    for (int i = 0; i <= kMaxChunks; ++i) bad.add_chunks(std::string(32, 'x'));
    CHECK(code(bad) == "snapshot: a manifest of more than 65536 chunks");
    CHECK_FALSE(parse_manifest(to_bytes(manifest.SerializeAsString() + std::string("\x78\x01", 2))));

    const auto ignore = [](std::string_view, std::string_view) { return Status{}; };
    CHECK(read_chunk({}, ignore));
    CHECK(read_chunk(as_bytes(std::string(3, '\0')), ignore).error().code == "malformed");
    CHECK(read_chunk(as_bytes(std::string("\0\0\0\1k\xff\xff\xff\xff", 9)), ignore).error().code == "malformed");
}
