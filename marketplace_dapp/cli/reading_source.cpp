#include "marketplace_dapp/cli/reading_source.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/clock.hpp"

namespace fairstream::marketplace_dapp::cli {

namespace {

using Piece = std::array<char, 64u << 10>;

/// Reads what is there without waiting: nothing there (again = true), or the end (0 bytes).
Result<std::string_view> read_now(int fd, Piece& piece, bool& again) {
    pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
    again = ::poll(&waiting, 1, 0) == 0;
    if (again) return std::string_view();
    const auto got = ::read(fd, piece.data(), piece.size());
    if (got >= 0) return std::string_view(piece.data(), static_cast<std::size_t>(got));
    again = errno == EINTR || errno == EAGAIN;
    if (again) return std::string_view();
    return fail("io_error", std::string("cannot read the readings: ") + std::strerror(errno));
}

}  // namespace

Result<std::vector<std::string>> LineSource::take() {
    std::vector<std::string> lines;
    if (ended_) return lines;
    Piece piece;
    bool again = false;
    FS_ASSIGN(const auto got, read_now(fd_, piece, again));
    if (again) return lines;
    ended_ = got.empty();
    add(got, lines);
    if (ended_) end_line(lines);
    return lines;
}

void LineSource::add(std::string_view piece, std::vector<std::string>& lines) {
    while (!piece.empty()) {
        const auto end = piece.find('\n');
        const auto part = piece.substr(0, end);
        too_long_ = too_long_ || line_.size() + part.size() > kMaxReadingBytes;
        if (too_long_)
            line_.clear();
        else
            line_ += part;
        if (end == std::string_view::npos) return;
        end_line(lines);
        piece.remove_prefix(end + 1);
    }
}

void LineSource::end_line(std::vector<std::string>& lines) {
    if (too_long_) leave_out("a line is longer than 1 MiB");
    if (line_.ends_with('\r')) line_.pop_back();
    if (!line_.empty()) lines.push_back(std::move(line_));
    line_.clear();
    too_long_ = false;
}

CommandSource::~CommandSource() {
    if (output_ >= 0) ::close(output_);
    if (pid_ < 0) return;
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
}

Result<std::vector<std::string>> CommandSource::take() {
    std::vector<std::string> readings;
    if (pid_ < 0 && base::steady_now() >= next_) FS_TRY(start());
    if (pid_ >= 0) read_output();
    if (pid_ >= 0 && output_ < 0) finish(readings);
    return readings;
}

Status CommandSource::start() {
    const auto now = base::steady_now();
    const bool first = next_ == std::chrono::microseconds(0);
    next_ = first ? now + every_ : std::max<std::chrono::microseconds>(next_ + every_, now);
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail("cannot_run", "no pipe for " + command_.front());
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    std::vector<char*> arguments;
    for (auto& argument : command_) arguments.push_back(argument.data());
    arguments.push_back(nullptr);
    const int error = ::posix_spawnp(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    if (error != 0) {
        ::close(ends[0]);
        pid_ = -1;
        return fail("cannot_run", command_.front() + ": " + std::strerror(error));
    }
    output_ = ends[0];
    text_.clear();
    return {};
}

void CommandSource::read_output() {
    Piece piece;
    bool again = false;
    while (output_ >= 0 && !again) {
        const auto got = read_now(output_, piece, again);
        if (got && !got->empty() && text_.size() <= kMaxReadingBytes) text_ += *got;
        if (again || (got && !got->empty())) continue;
        ::close(output_);
        output_ = -1;
    }
}

void CommandSource::finish(std::vector<std::string>& readings) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == 0) return;  // it closed its output, and still runs
    pid_ = -1;
    if (text_.ends_with('\n')) text_.pop_back();
    if (status != 0)
        leave_out(command_.front() + " failed");
    else if (text_.size() > kMaxReadingBytes)
        leave_out(command_.front() + " wrote more than 1 MiB");
    else if (!text_.empty())
        readings.push_back(std::move(text_));
    text_.clear();
}

}  // namespace fairstream::marketplace_dapp::cli
