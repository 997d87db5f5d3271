#pragma once

#include <filesystem>

#include "base/file.hpp"
#include "ledger/order/messages.hpp"

namespace fairstream::ledger::order {

/// The position of the last vote this key has cast, in a small file of its own beside the key (W5): whatever happens to
/// the vote log, the key never votes at or below it. Two slots of one sector each are written by turns, so that a torn
/// write leaves the older one. The open file is locked: one process per key. One owner thread.
class Guard {
public:
    /// Errors: not_found, in_use, damaged (names file and offset), io_error.
    static Result<Guard> open(const std::filesystem::path& file);
    /// Makes the file, with no vote cast; syncs it and its folder. Errors: exists, io_error.
    static Result<Guard> create(const std::filesystem::path& file);

    /// The position in a file that another process may hold. Errors: not_found, damaged, io_error.
    static Result<Position> read(const std::filesystem::path& file);

    const Position& position() const { return position_; }
    /// Error: vote_regression unless `to` is above the position.
    Status check(const Position& to) const;
    /// Moves and syncs. Errors: vote_regression, io_error.
    Status advance(const Position& to);

private:
    Guard(base::FileDescriptor file, std::uint64_t writes, Position position)
        : file_(std::move(file)), writes_(writes), position_(position) {}
    Status write();

    base::FileDescriptor file_;
    std::uint64_t writes_ = 0;  // the newest slot has the higher count
    Position position_;
};

}  // namespace fairstream::ledger::order
