#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/metrics.hpp"
#include "ledger/blocks/block_store.hpp"

namespace fairstream::ledger::node {

/// Reads, in a thread of its own and without haste, every block that a start did not: what the disk has damaged in
/// older segments is found before somebody needs it. It is said in the log, with file and offset, and counted
/// (ledger_blocks_damaged_total); `node check` says what to do. The node goes on: it has applied these blocks.
class BlockCheck {
public:
    /// Both outlive it.
    BlockCheck(const blocks::BlockStore& blocks, base::Metrics& metrics);
    ~BlockCheck();
    BlockCheck(const BlockCheck&) = delete;
    BlockCheck& operator=(const BlockCheck&) = delete;

private:
    void run(std::uint64_t last);
    bool rest();  // false: it is time to end

    const blocks::BlockStore& blocks_;
    base::Metrics& metrics_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace fairstream::ledger::node
