#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "base/file.hpp"
#include "ledger/order/guard.hpp"
#include "ledger/order/records.hpp"

namespace fairstream::ledger::order {

/// The write-ahead log of one node's votes (ledger.md, W1-W6) with its guard. One owner thread.
///
/// File (base/record_log.hpp): "FSVOTES1", then frames with the mark "FSVT" and the first 16 bytes of
/// SHA-256(length || contents) for a sum. One `append` is one frame, so a torn write is always the last frame.
class VoteLog {
public:
    struct Opened;
    struct Paths {
        std::filesystem::path log;
        std::filesystem::path guard;         // beside the vote key, on another disk if there is one
        std::uint64_t cut_above = 4u << 20;  // bytes of log that are worth cutting
    };

    /// Opens the log, or makes log and guard at the node's first start (`decided_height` 0 and neither there). A torn
    /// tail is cut if all that the guard has seen is still there. `decided_height`: of the block store, whose blocks
    /// need no votes. Errors: io_error; in_use (another process has it); damaged (names file and offset), votes_lost
    /// (the log or its end is missing, or the guard is): the node must not vote again with this key, and the message
    /// says how to rejoin.
    /// `new_key`: no config has listed this node's key so far, so it cannot have voted: nothing there is right at any
    /// height.
    static Result<Opened> open(const Paths& paths, std::uint64_t decided_height, bool new_key = false);

    /// Appends the records of one step, syncs them, then moves the guard and syncs it (W1, W5). Errors: vote_regression
    /// (a vote at or below one already made) and too_large (64 MiB in one step, or 1 GiB at one height), with which
    /// nothing was written; io_error. After any of them nothing may be sent.
    Status append(std::span<const Bytes> records);

    /// All up to `height` is durable as blocks: forgets it once enough has gathered (W4). Error: io_error.
    Status cut(std::uint64_t height);

    const Position& last() const { return guard_.position(); }

    /// What a log that no process has open says, without changing it.
    struct Inspection {
        Position last;   // in the log
        Position guard;  // what the key has voted at most
        std::uint64_t bytes = 0;
        bool torn = false;  // an unfinished write at the end
    };
    /// Errors: not_found, damaged, io_error.
    static Result<Inspection> inspect(const Paths& paths);

private:
    VoteLog(Paths paths, Guard guard, base::FileDescriptor file, std::uint64_t size);
    Status write_frame(ByteView contents);

    Paths paths_;
    Guard guard_;
    base::FileDescriptor file_;
    std::uint64_t size_ = 0;
    bool failed_ = false;  // after an I/O error the file's end is unknown: no further vote
};

struct VoteLog::Opened {
    std::unique_ptr<VoteLog> log;
    Recovered recovered;          // for Start
    std::uint64_t bytes_cut = 0;  // of a torn tail: worth a line in the node's log
};

}  // namespace fairstream::ledger::order
