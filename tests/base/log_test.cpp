#include "base/log.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "base/file.hpp"
#include "base/log_field.hpp"
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
    ::setenv("FAIRSTREAM_LOG_FORMAT", "xml", 1);
    CHECK(written_by([] { init_log("x", LogLevel::kWarn); }).find("'xml', expected text or json") != std::string::npos);
    ::unsetenv("FAIRSTREAM_LOG_FORMAT");
    ::setenv("FAIRSTREAM_LOG", "loud", 1);
    CHECK(written_by([] { init_log("x", LogLevel::kWarn); }).find("'loud'") != std::string::npos);
    ::unsetenv("FAIRSTREAM_LOG");
    init_log("fairstream", LogLevel::kWarn);
}

TEST_CASE("FAIRSTREAM_LOG_FORMAT=json makes each line an object, with the fields that are set around it") {
    ::setenv("FAIRSTREAM_LOG_FORMAT", "json", 1);
    const auto text = written_by([] {
        init_log("fairstream-node", LogLevel::kInfo);
        const LogField transaction("transaction", "ab12");
        const LogField empty("trace", "");
        log_warn("said \"{}\"\n", "C:\\x");
    });
    ::unsetenv("FAIRSTREAM_LOG_FORMAT");
    init_log("fairstream", LogLevel::kWarn);
    REQUIRE(std::count(text.begin(), text.end(), '\n') == 1);
    const auto line = boost::json::parse(text).as_object();
    CHECK(line.at("level").as_string() == "warning");
    CHECK(line.at("program").as_string() == "fairstream-node");
    CHECK(line.at("message").as_string() == "said \"C:\\x\" ");
    CHECK(line.at("transaction").as_string() == "ab12");
    CHECK_FALSE(line.contains("trace"));
    CHECK(line.at("time").as_string().size() == 27);
}

TEST_CASE("as text, fields stand behind the message of their own thread only") {
    const auto text = written_by([] {
        init_log("x", LogLevel::kInfo);
        {
            const LogField transaction("transaction", "ab12");
            log_info("inside");
        }
        log_info("outside");
    });
    init_log("fairstream", LogLevel::kWarn);
    CHECK(text.find("inside transaction=ab12\n") != std::string::npos);
    CHECK(text.find("outside\n") != std::string::npos);
}
