#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "ledger/order/wal.hpp"
#include "tests/simulation/harness/scheduler.hpp"

namespace fairstream::tests::simulation {

/// Where the power goes while votes are made durable; each leaves other bytes behind.
enum class VoteCrash {
    kBeforeAppend,  // nothing of it
    kTornAppend,    // a part of the frame
    kZeroedAppend,  // the file has grown, and zeros are in it
    kAfterAppend,   // the log has it, the guard does not
    kTornGuard,     // the log has it, and the guard's newest slot is broken
    kAfterGuard,    // all durable, nothing sent
};
constexpr int kVoteCrashes = 6;
const char* name_of(VoteCrash crash);

/// One node's vote log and guard: the real ones, in files.
class Disk {
public:
    Disk(const std::filesystem::path& folder, const std::string& node);

    /// As VoteLog::open; `forgetful`: the key may have voted, but nobody here minds.
    Result<ledger::order::Recovered> open(std::uint64_t decided_height, bool forgetful = false);
    bool is_open() const { return log_ != nullptr; }
    Status append(std::span<const Bytes> records) { return log_->append(records); }
    /// Appends, loses power at `crash`, and is closed.
    void crash_while_appending(std::span<const Bytes> records, VoteCrash crash, Scheduler& chance);
    Status cut(std::uint64_t height) { return log_->cut(height); }
    const ledger::order::Position& last() const { return log_->last(); }
    void close() { log_.reset(); }

    /// An image of both files, or of the log alone; put back later it is an old disk.
    struct Image {
        Bytes log;
        Bytes guard;
    };
    Image image() const;
    void restore(const Image& image, bool with_guard);
    void wipe();

private:
    ledger::order::VoteLog::Paths paths_;
    std::unique_ptr<ledger::order::VoteLog> log_;
};

}  // namespace fairstream::tests::simulation
