#pragma once

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "ledger/order/messages.hpp"

/// What a replica remembers across a crash: records it asks its shell to make durable before anything is sent (W1-W3).
namespace fairstream::ledger::order {

/// A block that q members PREPAREd in one round, with their votes.
struct Prepared {
    std::uint32_t round = 0;
    Hash block_hash{};
    std::vector<proto::SignedOrderMessage> prepares;
};

/// A record is u8 kind, u64 height, u32 round, u8 step (big-endian), then its contents.
Bytes vote_record(const Position& at,
                  const proto::SignedOrderMessage& vote);  // without `block`, which has its own record
Bytes block_record(const Position& at, ByteView block);
Bytes prepared_record(const Position& at, const Prepared& prepared);

/// Where a vote record stands; nothing for other kinds. Error: damaged.
Result<std::optional<Position>> vote_position(ByteView record);

/// The records of the newest height, read back.
struct Recovered {
    Position last;                                 // of the votes; height 0: there are none
    std::vector<proto::SignedOrderMessage> votes;  // own votes of that height, in the order they were cast
    std::optional<Prepared> prepared;              // the highest
    std::map<Hash, Bytes> blocks;
};
/// Error: damaged (a record does not parse, or votes go back).
Result<Recovered> recover(std::span<const Bytes> records);

}  // namespace fairstream::ledger::order
