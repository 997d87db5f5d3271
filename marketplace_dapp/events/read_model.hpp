#pragma once

#include <cstdint>
#include <string>

#include "marketplace_dapp/events/database.hpp"
#include "marketplace_dapp/events/projection.hpp"

/// The read model: tables in the schema "market" of PostgreSQL, made from the chain and from nothing else.
namespace fairstream::marketplace_dapp::events {

/// The last block whose effects the tables hold.
struct ReadCheckpoint {
    std::uint64_t height = 0;
    std::string block_hash;  // hex; empty at height 0
};

/// Makes the tables where there are none, where they are another network's or another version's, and where `rebuild`
/// asks for it; says where to go on.
Result<ReadCheckpoint> open_read_model(Database& database, const std::string& network, bool rebuild);

/// Applies it and moves the checkpoint, in one transaction. Error besides the database's: out_of_step, if the tables do
/// not end with block `after`.
Status apply(Database& database, const Projection& projection, std::uint64_t after);

}  // namespace fairstream::marketplace_dapp::events
