#include <fcntl.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>
#include <fstream>

#include "marketplace_dapp/cli/reading_sinks.hpp"
#include "marketplace_dapp/cli/reading_source.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace fairstream;
using namespace fairstream::marketplace_dapp;
using namespace std::chrono_literals;

namespace {

struct Pipe {
    int ends[2] = {-1, -1};
    Pipe() { REQUIRE(::pipe2(ends, O_CLOEXEC) == 0); }
    ~Pipe() {
        ::close(ends[0]);
        close();
    }
    void write(std::string_view text) const {
        REQUIRE(::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    }
    void close() {
        if (ends[1] >= 0) ::close(ends[1]);
        ends[1] = -1;
    }
};

using Lines = std::vector<std::string>;

std::string contents(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

client::Reading reading(std::uint64_t sequence, std::string_view text) {
    return {.sequence = sequence, .time_us = 1'763'690'000'000'000, .text = text};
}

}  // namespace

TEST_CASE("lines become readings as they come, and the last one needs no line break") {
    Pipe pipe;
    cli::LineSource source(pipe.ends[0]);
    CHECK(source.take().value().empty());
    pipe.write("21.5 Cel\n\n21.6 ");
    CHECK(source.take().value() == Lines{"21.5 Cel"});
    CHECK(source.take().value().empty());
    pipe.write("Cel\r\nlast");
    CHECK(source.take().value() == Lines{"21.6 Cel"});
    CHECK_FALSE(source.ended());
    pipe.close();
    CHECK(source.take().value() == Lines{"last"});
    CHECK(source.ended());
    CHECK(source.take().value().empty());
    CHECK(source.left_out() == 0);
}

TEST_CASE("a line that no frame can hold is left out, and the next one is not") {
    const tests::TemporaryFolder folder;
    std::ofstream(folder / "in") << std::string(cli::kMaxReadingBytes + 1, 'x') << "\nnext\n"
                                 << std::string(cli::kMaxReadingBytes, 'y') << "\n";
    const base::FileDescriptor file(::open((folder / "in").c_str(), O_RDONLY | O_CLOEXEC));
    cli::LineSource source(file.get());
    Lines all;
    while (!source.ended()) {
        const auto more = source.take().value();
        all.insert(all.end(), more.begin(), more.end());
    }
    REQUIRE(all.size() == 2);
    CHECK(all[0] == "next");
    CHECK(all[1].size() == cli::kMaxReadingBytes);
    CHECK(source.left_out() == 1);
}

TEST_CASE("a command's output is one reading, each time it runs, and a failed run is none") {
    const auto next = [](cli::CommandSource& source) {
        Lines got;
        REQUIRE(tests::eventually([&] {
            got = source.take().value();
            return !got.empty() || source.left_out() > 0;
        }));
        return got;
    };
    cli::CommandSource echo({"printf", "two\\nlines\\n"}, 1ms);
    CHECK(next(echo) == Lines{"two\nlines"});
    CHECK(next(echo) == Lines{"two\nlines"});
    cli::CommandSource failing({"false"}, 1h);
    CHECK(next(failing).empty());
    CHECK(failing.why() == "false failed");
    cli::CommandSource missing({"/no/such/command"}, 1h);
    const auto refused = missing.take();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == "cannot_run");
}

TEST_CASE("a file of readings is gone on with behind what was noted, and no other file is") {
    const tests::TemporaryFolder folder;
    const auto file = folder / "readings";
    std::uint64_t noted = 0;
    {
        const auto sink = cli::file_sink(file, /*json=*/false).value();
        REQUIRE(sink->resume(0));
        REQUIRE(sink->write(reading(1, "one")));
        REQUIRE(sink->write(reading(2, "two")));
        noted = sink->end();
        REQUIRE(sink->write(reading(3, "three")));  // written, but the process dies before it notes it
        REQUIRE(sink->flush());
    }
    CHECK(contents(file) == "one\ntwo\nthree\n");
    {
        const auto sink = cli::file_sink(file, /*json=*/false).value();
        REQUIRE(sink->resume(noted));
        REQUIRE(sink->write(reading(3, "three")));
        REQUIRE(sink->flush());
    }
    CHECK(contents(file) == "one\ntwo\nthree\n");
    const auto other = cli::file_sink(folder / "other", /*json=*/false).value();
    const auto refused = other->resume(noted);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == "output_differs");
}

TEST_CASE("readings as lines of JSON: text as text, anything else as base64") {
    const auto text = boost::json::parse(cli::to_json_line(reading(7,
                                                                   "21 \xc2\xb0"
                                                                   "C")));
    CHECK(text.at("sequence").to_number<int>() == 7);
    CHECK(text.at("reading").as_string() ==
          "21 \xc2\xb0"
          "C");
    for (const std::string bytes : {"\xff", "a\xc2", "\xe2\x82", "\x80",
                                    "\xc2"
                                    "a"}) {
        const auto json = boost::json::parse(cli::to_json_line(reading(1, bytes)));
        CHECK_FALSE(json.as_object().contains("reading"));
        CHECK(json.as_object().contains("base64"));
    }
}
