#include <catch2/catch.hpp>
#include <fstream>

#include "base/file.hpp"
#include "ledger/state/memory_state.hpp"
#include "ledger/state/overlay.hpp"
#include "tests/support/consortium.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using ledger::state::Batch;
using ledger::state::PrivateStore;
using ledger::state::StateStore;

namespace {

crypto::Hash id(int n) {
    return crypto::sha256(as_bytes(std::to_string(n)));
}

Batch batch(std::uint64_t height, const std::vector<std::pair<std::string, std::string>>& writes) {
    Batch out;
    out.height = height;
    out.block_hash = id(static_cast<int>(height));
    for (const auto& [key, value] : writes)
        out.changes.push_back({key, value.empty() ? std::nullopt : std::optional(to_bytes(value)), {height, 0}});
    return out;
}

std::string keys(const std::vector<ledger::state::Entry>& entries) {
    std::string out;
    for (const auto& entry : entries) out += entry.key + " ";
    return out;
}

proto::PrivateEntry private_entry(const std::string& key, const std::string& value) {
    proto::PrivateEntry entry;
    entry.set_key(key);
    entry.set_salt(std::string(32, 's'));
    entry.set_value(value);
    return entry;
}

proto::PrivateWrite write_of(const proto::PrivateEntry& entry) {
    proto::PrivateWrite write;
    write.set_key(entry.key());
    write.set_salted_hash(proto::as_field(
        ledger::state::private_hash(as_bytes(entry.salt()), as_bytes(entry.key()), as_bytes(entry.value()))));
    return write;
}

bool stands_in_files(const std::filesystem::path& folder, const std::string& text) {
    for (const auto& file : std::filesystem::recursive_directory_iterator(folder)) {
        if (!file.is_regular_file()) continue;
        const auto bytes = value_of(base::read_file(file.path()));
        if (as_text(bytes).find(text) != std::string_view::npos) return true;
    }
    return false;
}

void state_keeps_versions_and_views(StateStore& state) {
    CHECK(state.height() == 0);
    value_of(state.apply(batch(1, {{"a/1", "one"}, {"a/2", "two"}, {"b/1", "other"}})));
    const auto old = state.snapshot();
    auto second = batch(2, {{"a/1", "uno"}, {"a/2", ""}, {"a/3", "tre"}});
    proto::Outcome outcome;
    outcome.set_code(proto::READ_CONFLICT);
    outcome.set_reason("because");
    second.transactions.emplace_back(id(77), ledger::state::TransactionRecord{{2, 5}, outcome});
    value_of(state.apply(second));
    const auto now = state.snapshot();

    CHECK(old->height() == 1);
    CHECK(now->height() == 2);
    CHECK(as_text(value_of(old->get("a/1"))->value) == "one");
    CHECK(as_text(value_of(now->get("a/1"))->value) == "uno");
    CHECK(value_of(now->get("a/1"))->version == ledger::contract::Version{2, 0});
    CHECK_FALSE(value_of(now->get("a/2")));
    CHECK(keys(value_of(old->range("a/", "b", 10))) == "a/1 a/2 ");
    CHECK(keys(value_of(now->range("a/", "b", 10))) == "a/1 a/3 ");
    CHECK(keys(value_of(now->range("a/", "", 2))) == "a/1 a/3 ");
    CHECK(keys(value_of(now->range("a/2", "", 10))) == "a/3 b/1 ");
    CHECK(value_of(now->block_hash(2)) == id(2));
    CHECK_FALSE(value_of(now->block_hash(3)));
    CHECK_FALSE(value_of(old->transaction(id(77))));
    const auto record = value_of(now->transaction(id(77)));
    REQUIRE(record);
    CHECK(record->at == ledger::contract::Version{2, 5});
    CHECK(record->outcome.reason() == "because");
}

void private_values_are_staged_then_committed(PrivateStore& store) {
    const auto mine = private_entry("c/~private/k", "secret");
    const auto theirs = private_entry("c/~private/l", "elsewhere");
    value_of(store.stage(id(1), {mine}, kStart));
    CHECK_FALSE(value_of(store.get(mine.key())));
    const std::vector writes{write_of(mine), write_of(theirs)};
    const auto lacking = value_of(store.commit(id(1), writes));
    REQUIRE(lacking.size() == 1);
    CHECK(lacking[0].key() == theirs.key());
    CHECK(value_of(store.get(mine.key()))->value() == "secret");
    CHECK(value_of(store.missing(10)).size() == 1);
    // Rolled forward again after a crash: the value is there already.
    CHECK(value_of(store.commit(id(1), writes)).size() == 1);

    auto forged = theirs;
    forged.set_value("forged");
    CHECK(store.accept(write_of(theirs), forged).error().code == "hash_mismatch");
    value_of(store.accept(write_of(theirs), theirs));
    CHECK(value_of(store.get(theirs.key()))->value() == "elsewhere");
    CHECK(value_of(store.missing(10)).empty());
}

}  // namespace

TEST_CASE("state in memory keeps versions, and snapshots that later blocks do not change") {
    state_keeps_versions_and_views(*ledger::state::memory_state());
}

TEST_CASE("state on disk does the same, and is there after a restart") {
    const TemporaryFolder folder;
    {
        const auto state = value_of(StateStore::open(folder / "state"));
        state_keeps_versions_and_views(*state);
    }
    const auto again = value_of(StateStore::open(folder / "state"));
    CHECK(again->height() == 2);
    CHECK(as_text(value_of(again->snapshot()->get("a/3"))->value) == "tre");
    value_of(again->apply(batch(3, {{"a/4", "x"}})));
    CHECK(again->height() == 3);
}

TEST_CASE("a snapshot outlives the store it came from") {
    const TemporaryFolder folder;
    auto state = value_of(StateStore::open(folder / "state"));
    value_of(state->apply(batch(1, {{"a/1", "one"}})));
    const auto snapshot = state->snapshot();
    state.reset();
    CHECK(as_text(value_of(snapshot->get("a/1"))->value) == "one");
}

TEST_CASE("a damaged or foreign state folder is refused by name") {
    const TemporaryFolder folder;
    const auto path = folder / "state";
    { const auto state = value_of(StateStore::open(path)); }
    std::ofstream(path / "CURRENT") << "MANIFEST-999999\n";
    const auto opened = StateStore::open(path);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().message.find(path.string()) != std::string::npos);

    std::ofstream(folder / "file") << "not a folder";
    CHECK(StateStore::open(folder / "file").error().code == "io_error");
}

TEST_CASE("private values are staged under their transaction and kept once it commits") {
    private_values_are_staged_then_committed(*ledger::state::memory_private());
    const TemporaryFolder folder;
    private_values_are_staged_then_committed(*value_of(PrivateStore::open(folder / "private")));
    const auto again = value_of(PrivateStore::open(folder / "private"));
    CHECK(value_of(again->get("c/~private/k"))->value() == "secret");
}

TEST_CASE("what a node lacks is remembered across restarts, and only the newest value is accepted") {
    const TemporaryFolder folder;
    const auto old = private_entry("c/~private/k", "old");
    const auto newer = private_entry("c/~private/k", "new");
    {
        const auto store = value_of(PrivateStore::open(folder / "private"));
        value_of(store->commit(id(1), std::vector{write_of(old)}));
        value_of(store->commit(id(2), std::vector{write_of(newer)}));
    }
    const auto store = value_of(PrivateStore::open(folder / "private"));
    REQUIRE(value_of(store->missing(10)).size() == 1);
    CHECK(value_of(store->missing(10))[0].salted_hash() == write_of(newer).salted_hash());
    CHECK(store->accept(write_of(old), old).error().code == "hash_mismatch");
    value_of(store->accept(write_of(newer), newer));
    CHECK(value_of(store->get(old.key()))->value() == "new");
}

TEST_CASE("what was staged by transactions that never committed is dropped after 10 minutes") {
    const auto store = ledger::state::memory_private();
    const auto entry = private_entry("c/~private/k", "secret");
    value_of(store->stage(id(1), {entry}, kStart));
    value_of(store->stage(id(2), {private_entry("c/~private/l", "other")}, kStart + std::chrono::minutes(5)));
    value_of(store->stage(id(3), {}, kStart + std::chrono::minutes(11)));
    CHECK(value_of(store->commit(id(1), std::vector{write_of(entry)})).size() == 1);
    CHECK(value_of(store->commit(id(2), std::vector{write_of(private_entry("c/~private/l", "other"))})).empty());
}

TEST_CASE("the private store takes no more than its bound of waiting values") {
    const auto store = ledger::state::memory_private();
    const std::string large(32u << 20, 'x');
    for (int i = 0; i < 7; ++i) value_of(store->stage(id(i), {private_entry("c/~private/k", large)}, kStart));
    CHECK(store->stage(id(8), {private_entry("c/~private/k", large)}, kStart).error().code == "busy");
    value_of(store->commit(id(0), {}));  // one of them committed
    value_of(store->stage(id(8), {private_entry("c/~private/k", large)}, kStart));
}

TEST_CASE("a purged value is gone from the files") {
    const TemporaryFolder folder;
    const auto store = value_of(PrivateStore::open(folder / "private"));
    const auto entry = private_entry("c/~private/k", "the plaintext of a share");
    value_of(store->stage(id(1), {entry}, kStart));
    value_of(store->commit(id(1), std::vector{write_of(entry)}));
    CHECK(stands_in_files(folder.path(), entry.value()));
    value_of(store->purge(entry.key()));
    CHECK_FALSE(value_of(store->get(entry.key())));
    CHECK_FALSE(stands_in_files(folder.path(), entry.value()));
}

TEST_CASE("an overlay's range is that of the state with its changes applied") {
    const auto state = ledger::state::memory_state();
    value_of(state->apply(batch(1, {{"a", "1"}, {"b", "1"}, {"c", "1"}, {"d", "1"}, {"e", "1"}})));
    const auto below = state->snapshot();
    ledger::state::Overlay overlay;
    overlay.set("a", std::nullopt, {2, 0});
    overlay.set("b", std::nullopt, {2, 0});
    overlay.set("bb", to_bytes("2"), {2, 1});
    overlay.set("d", to_bytes("2"), {2, 2});
    overlay.set("z", to_bytes("2"), {2, 3});
    CHECK(keys(value_of(overlay.range(*below, "a", "", 2))) == "bb c ");
    CHECK(keys(value_of(overlay.range(*below, "a", "", 10))) == "bb c d e z ");
    CHECK(keys(value_of(overlay.range(*below, "b", "d", 10))) == "bb c ");
    CHECK(value_of(overlay.range(*below, "d", "e", 10)).at(0).version == ledger::contract::Version{2, 2});
    CHECK_FALSE(value_of(overlay.get(*below, "a")));
    CHECK(value_of(overlay.get(*below, "c"))->version == ledger::contract::Version{1, 0});
}
