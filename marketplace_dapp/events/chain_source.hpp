#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "ledger/proto/ledger.pb.h"

namespace fairstream::marketplace_dapp::events {

/// What became of one transaction of a block.
struct TransactionFate {
    std::string code;  // "valid", or the validation code in lower case; "refused" for one that left its id unused
    std::string reason;
};

/// A block whose outcomes a quorum has agreed on.
struct SealedBlock {
    std::uint64_t height = 0;
    ledger::proto::Block block;
    std::vector<TransactionFate> fates;  // as many as transactions
};

/// The chain, block by block. For one thread, but `stop`.
class ChainSource {
public:
    virtual ~ChainSource() = default;

    /// From now on `next` gives the block after `height`.
    virtual void follow(std::uint64_t height) = 0;
    /// The next sealed block; nothing if there is none within `wait`. An error leaves the position where it was.
    virtual Result<std::optional<SealedBlock>> next(std::chrono::milliseconds wait) = 0;
    /// The highest block known to be sealed.
    virtual std::uint64_t sealed_height() const = 0;
    /// From any thread: ends a waiting `next`.
    virtual void stop() = 0;
};

}  // namespace fairstream::marketplace_dapp::events
