#include "base/log.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "base/file.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace fairstream;
using namespace fairstream::base;

namespace {

/// What `say` writes to stderr.
template <typename Say>
std::string written_by(Say say) {
    const tests::TemporaryFolder folder;
    const FileDescriptor kept(::dup(STDERR_FILENO));
    const FileDescriptor captured(::open((folder / "stderr").c_str(), O_WRONLY | O_CREAT, 0600));
    ::dup2(captured.get(), STDERR_FILENO);
    say();
    ::dup2(kept.get(), STDERR_FILENO);
    return to_string(read_file(folder / "stderr").value());
}

}  // namespace

TEST_CASE("an event is one line with time, level and program, whatever is in it") {
    ::unsetenv("FAIRSTREAM_LOG");
    const auto text = written_by([] {
        init_log("fairstream-node", LogLevel::kInfo);
        log_info("peer said {}", "a\nb\x1b[31m");
        log_debug("not at this level");
    });
    CHECK(std::count(text.begin(), text.end(), '\n') == 1);
    CHECK(text.find("Z info fairstream-node peer said a b [31m\n") != std::string::npos);
}

TEST_CASE("FAIRSTREAM_LOG overrides the level, and a wrong one is named") {
    ::setenv("FAIRSTREAM_LOG", "debug", 1);
    CHECK(written_by([] {
              init_log("x", LogLevel::kError);
              log_debug("seen");
          }).find("debug x seen") != std::string::npos);
    ::setenv("FAIRSTREAM_LOG", "loud", 1);
    CHECK(written_by([] { init_log("x", LogLevel::kWarn); }).find("'loud'") != std::string::npos);
    ::unsetenv("FAIRSTREAM_LOG");
    init_log("fairstream", LogLevel::kWarn);
}
