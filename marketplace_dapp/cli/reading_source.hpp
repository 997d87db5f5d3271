#pragma once

#include <chrono>
#include <future>
#include <string>
#include <vector>

#include "base/result.hpp"

/// Where a live stream's readings come from.
namespace fairstream::marketplace_dapp::cli {

/// A frame's worth of plaintext.
constexpr std::size_t kMaxReadingBytes = 1u << 20;

class ReadingSource {
public:
    virtual ~ReadingSource() = default;
    /// What has come; never waits. Errors: io_error, cannot_run.
    virtual Result<std::vector<std::string>> take() = 0;
    /// Nothing more will come, and all was taken.
    virtual bool ended() const = 0;
    /// Readings that were left out: longer than a frame holds, or of a command that failed. Why the last one was.
    std::uint64_t left_out() const { return left_out_; }
    const std::string& why() const { return why_; }

protected:
    void leave_out(std::string why) {
        ++left_out_;
        why_ = std::move(why);
    }

private:
    std::uint64_t left_out_ = 0;
    std::string why_;
};

/// One reading per line of a file descriptor; empty lines are none. Only what has been taken is read from it, a piece
/// at a time, so that a source that is faster than the operators waits.
class LineSource : public ReadingSource {
public:
    explicit LineSource(int fd) : fd_(fd) {}
    Result<std::vector<std::string>> take() override;
    bool ended() const override { return ended_; }

private:
    void add(std::string_view piece, std::vector<std::string>& lines);
    void end_line(std::vector<std::string>& lines);

    int fd_;
    std::string line_;
    bool too_long_ = false;
    bool ended_ = false;
};

/// Runs a command every so often, the first time at once, and takes what it writes to its standard output as a reading,
/// without the last line break. A run that lasts longer puts the next one off. Runs beside the caller.
class CommandSource : public ReadingSource {
public:
    CommandSource(std::vector<std::string> command, std::chrono::milliseconds every)
        : command_(std::move(command)), every_(every) {}
    ~CommandSource() override;  // ends a run that is under way
    Result<std::vector<std::string>> take() override;
    bool ended() const override { return false; }

private:
    Status start();
    void read_output();
    void finish(std::vector<std::string>& readings);

    std::vector<std::string> command_;
    std::chrono::milliseconds every_;
    std::chrono::microseconds next_{};  // steady; 0: at once
    int pid_ = -1;                      // of the run under way
    int output_ = -1;
    std::string text_;
};

}  // namespace fairstream::marketplace_dapp::cli
