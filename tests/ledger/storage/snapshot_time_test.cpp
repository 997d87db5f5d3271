// Figures for docs/benchmarks.md; run by name, not with the other tests.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <iostream>
#include <utility>

#include "base/clock.hpp"
#include "ledger/snapshot/genesis.hpp"
#include "ledger/state/memory_state.hpp"
#include "tests/support/consortium.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using namespace ledger::snapshot;

TEST_CASE("writing and installing a snapshot of a million keys", "[.measure]") {
    constexpr std::uint64_t kKeys = 1'000'000;
    const TemporaryFolder folder;
    auto clock = [began = base::steady_now()]() mutable {
        const auto now = base::steady_now();
        return std::chrono::duration<double>(now - std::exchange(began, now)).count();
    };
    const auto made = value_of(write_genesis(folder / "genesis", "market", kKeys, [](std::uint64_t i) {
        return GenesisEntry{"kv", fmt::format("key{:012}", i), crypto::random_bytes(300)};
    }));
    std::cout << "made in " << clock() << " s\n";
    const auto state = value_of(ledger::state::StateStore::open(folder / "state"));
    const auto given = value_of(SnapshotStore::open(folder / "genesis"));
    value_of(given->install(made, *state, *ledger::state::memory_private()));
    std::cout << "installed in " << clock() << " s\n";
    const auto own = value_of(SnapshotStore::open(folder / "own"));
    CHECK(value_of(own->write(*state->rows(), "market", {})).name == made.name);
    const auto manifest = value_of(parse_manifest(made.manifest));
    std::cout << "taken in " << clock() << " s: " << manifest.rows() << " rows, " << manifest.bytes() << " bytes in "
              << manifest.chunks_size() << " chunks\n";
}
