#include "ledger/snapshot/statements.hpp"
#include "tests/support/consortium.hpp"

using namespace fairstream;

/// What comes from peers: chunks, manifests, offers. No offer that a fuzzer makes is agreed on by anybody.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const tests::Consortium market({.organisations = 1}, {});
    const ByteView bytes{data, size};
    static_cast<void>(ledger::snapshot::read_chunk(bytes, [](auto, auto) { return Status{}; }));
    static_cast<void>(ledger::snapshot::parse_manifest(bytes));
    ledger::proto::SnapshotOffer offer;
    if (offer.ParseFromArray(data, static_cast<int>(size)) &&
        ledger::snapshot::check_offer(offer, market.shared_channel()))
        __builtin_trap();
    return 0;
}
