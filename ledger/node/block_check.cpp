#include "ledger/node/block_check.hpp"

#include "base/log.hpp"

namespace fairstream::ledger::node {

using namespace std::chrono_literals;

namespace {

/// 40 MB a second at most.
constexpr std::size_t kBytesBetweenRests = 4u << 20;
constexpr auto kRest = 100ms;

}  // namespace

BlockCheck::BlockCheck(const blocks::BlockStore& blocks, base::Metrics& metrics)
    : blocks_(blocks), metrics_(metrics), thread_([this, last = blocks.height()] { run(last); }) {}

BlockCheck::~BlockCheck() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

bool BlockCheck::rest() {
    std::unique_lock lock(mutex_);
    return !wake_.wait_for(lock, kRest, [this] { return stopping_; });
}

void BlockCheck::run(std::uint64_t last) {
    std::uint64_t damaged = 0;
    std::size_t bytes = 0;
    for (auto height = blocks_.base().height + 1; height <= last; ++height) {
        const auto block = blocks_.read(height);
        if (!block && block.error().code != "pruned") {
            base::log_error("block {} cannot be read back: {}", height, block.error().message);
            metrics_.count("ledger_blocks_damaged_total");
            ++damaged;
        }
        bytes += block ? block->ByteSizeLong() : 0;
        if (bytes < kBytesBetweenRests) continue;
        bytes = 0;
        metrics_.gauge("ledger_blocks_checked_height", static_cast<double>(height));
        if (!rest()) return;
    }
    metrics_.gauge("ledger_blocks_checked_height", static_cast<double>(last));
    if (last > 0) base::log_info("blocks up to {} are read back: {} damaged", last, damaged);
}

}  // namespace fairstream::ledger::node
