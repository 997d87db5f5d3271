#include "base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "tests/support/temporary_folder.hpp"

using namespace fairstream;
using namespace fairstream::base;

namespace {

std::size_t entries(const std::filesystem::path& folder) {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

unsigned mode_of(const std::filesystem::path& path) {
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_mode & 0777u;
}

}  // namespace

TEST_CASE("a file is replaced as a whole, with the mode asked for, and leaves nothing beside it") {
    const tests::TemporaryFolder folder;
    const auto path = folder / "key.pem";
    REQUIRE(write_file(path, as_bytes("first, and longer than the second"), 0600));
    CHECK(mode_of(path) == 0600);
    REQUIRE(write_file(path, as_bytes("second"), 0644));
    CHECK(mode_of(path) == 0644);
    CHECK(read_file(path).value() == to_bytes(std::string_view("second")));
    CHECK(entries(folder.path()) == 1);
}

TEST_CASE("a write that fails leaves the old contents and nothing beside them") {
    const tests::TemporaryFolder folder;
    const auto path = folder / "name";
    std::filesystem::create_directory(path);  // rename onto a folder fails after the temporary file was written
    const auto written = write_file(path, as_bytes("x"));
    REQUIRE_FALSE(written);
    CHECK(written.error().code == "io_error");
    CHECK(entries(folder.path()) == 1);
    CHECK(write_file(folder / "no/such/folder", as_bytes("x")).error().code == "io_error");
}

TEST_CASE("a reader meanwhile sees the old file or the new one, never a mixture") {
    const tests::TemporaryFolder folder;
    const auto path = folder / "state";
    const Bytes old_contents(100'000, 'a');
    const Bytes new_contents(100'000, 'b');
    REQUIRE(write_file(path, old_contents));
    const FileDescriptor reader(::open(path.c_str(), O_RDONLY));
    REQUIRE(write_file(path, new_contents));
    CHECK(read_exact(reader.get(), old_contents.size(), 0).value() == old_contents);
    CHECK(read_file(path).value() == new_contents);
}

TEST_CASE("reading is bounded, and what is not a file is refused") {
    const tests::TemporaryFolder folder;
    const auto path = folder / "data";
    REQUIRE(write_file(path, Bytes(1000)));
    CHECK(read_file(path, 1000).value().size() == 1000);
    CHECK(read_file(path, 999).error().code == "too_large");
    CHECK(read_file(folder / "absent").error().code == "not_found");
    CHECK(read_file(path / "below").error().code == "not_found");
    CHECK(read_file(folder.path()).error().code == "io_error");
    CHECK(read_file("/dev/zero").error().code == "io_error");
    CHECK(read_file("/proc/self/status", 100'000).value().size() > 100);  // of announced size 0
    CHECK(read_file("/proc/self/status", 10).error().code == "too_large");
    REQUIRE(write_file(folder / "empty", {}));
    CHECK(read_file(folder / "empty", 0).value().empty());
}

TEST_CASE("positions are read and written exactly") {
    const tests::TemporaryFolder folder;
    const FileDescriptor file(::open((folder / "log").c_str(), O_RDWR | O_CREAT, 0600));
    REQUIRE(write_all(file.get(), as_bytes("hello"), 10));
    CHECK(read_exact(file.get(), 5, 10).value() == to_bytes(std::string_view("hello")));
    CHECK(read_exact(file.get(), 6, 10).error().code == "short_read");
    CHECK(read_exact(-1, 1, 0).error().code == "io_error");
    CHECK(write_all(-1, as_bytes("x"), 0).error().code == "io_error");
    const FileDescriptor full(::open("/dev/full", O_RDWR));
    CHECK(write_all(full.get(), as_bytes("x"), 0).error().message.find("No space left") != std::string::npos);
}

TEST_CASE("a descriptor is closed once, by its last owner") {
    const int fd = ::open("/dev/null", O_RDONLY);
    {
        FileDescriptor first(fd);
        FileDescriptor second(std::move(first));
        CHECK_FALSE(first);
        CHECK(second.get() == fd);
        FileDescriptor third;
        third = std::move(second);
        CHECK(::fcntl(fd, F_GETFD) >= 0);
    }
    CHECK(::fcntl(fd, F_GETFD) < 0);
}
