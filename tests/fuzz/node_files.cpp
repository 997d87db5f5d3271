/// A node's own files after anything has happened to them: vote log and guard, block segments with index and marker of
/// what was pruned, evidence. The first byte says which; half of the time frames and checksums are made right.
#include "ledger/blocks/store_files.hpp"
#include "ledger/blocks/walk.hpp"
#include "ledger/order/evidence.hpp"
#include "ledger/order/wal.hpp"
#include "tests/fuzz/files.hpp"
#include "tests/fuzz/input.hpp"

using namespace fairstream;

namespace {

Bytes summed(ByteView contents) {
    auto out = to_bytes(contents);
    append(out, ByteView(identity::crypto::sha256(contents)).first(16));
    return out;
}

void vote_log(tests::Input input, bool whole) {
    const auto place = tests::emptied_folder();
    const ledger::order::VoteLog::Paths paths{.log = place / "votes", .guard = place / "guard"};
    auto guard = to_bytes("FSGUARD1");
    append(guard, input.take(21));
    guard.resize(29);
    guard = summed(guard);
    guard.resize(1024);
    tests::put(paths.guard, guard);
    auto log = to_bytes("FSVOTES1");
    while (whole && !input.empty()) {
        Bytes records;
        for (auto count = input.byte() % 4; count > 0; --count) {
            const auto record = input.bytes();
            base::append_u32(records, static_cast<std::uint32_t>(record.size()));
            append(records, record);
        }
        Bytes covered;
        base::append_u32(covered, static_cast<std::uint32_t>(records.size()));
        append(covered, records);
        base::append_u32(log, 0x46535654);
        base::append_u32(log, static_cast<std::uint32_t>(records.size()));
        append(log, ByteView(identity::crypto::sha256(covered)).first(16));
        append(log, records);
    }
    append(log, input.rest());
    tests::put(paths.log, log);
    static_cast<void>(ledger::order::Guard::read(paths.guard));
    static_cast<void>(ledger::order::VoteLog::inspect(paths));
    static_cast<void>(ledger::order::VoteLog::open(paths, /*decided_height=*/1));
}

void blocks(tests::Input input, bool whole) {
    const auto place = tests::emptied_folder();
    const auto base = input.bytes(), index = input.bytes();
    if (!base.empty()) tests::put(place / "base", summed(base));
    if (!index.empty()) tests::put(place / ledger::blocks::index_name(1), summed(index));
    Bytes segment;
    for (std::uint64_t height = 1; whole && !input.empty(); ++height)
        append(segment, ledger::blocks::encode_record(height, input.bytes()));
    append(segment, input.rest());
    tests::put(place / ledger::blocks::segment_name(1), segment);
    static_cast<void>(ledger::blocks::walk(place, [](auto, const auto&) { return Status{}; }));
    const auto store = ledger::blocks::BlockStore::open(place);
    for (std::uint64_t height = 1; store && height <= std::min<std::uint64_t>((*store)->height(), 3); ++height)
        static_cast<void>((*store)->read(height));
}

void evidence(tests::Input input) {
    const auto place = tests::emptied_folder();
    tests::put(place / "0123456789abcdef-1-0-1.proof", input.rest());
    static_cast<void>(ledger::order::EvidenceStore::read(place));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    tests::Input input(data, size);
    const auto which = input.byte();
    switch (which / 2 % 3) {
        case 0:
            vote_log(input, which % 2 == 0);
            break;
        case 1:
            blocks(input, which % 2 == 0);
            break;
        default:
            evidence(input);
    }
    return 0;
}
