#include "base/net/unix_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cstring>
#include <future>

#include "base/file.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace fairstream;
using namespace fairstream::base::net;
using tests::eventually;

namespace {

struct UnixFixture {
    tests::TemporaryFolder folder;
    std::filesystem::path path = folder / "gate.sock";
    UnixServer::Limits limits;
    std::atomic<int> accepted{0};
    std::atomic<int> lost{0};
    Loop loop;
    std::unique_ptr<UnixServer> server;

    UnixFixture() { loop.start(); }
    ~UnixFixture() { stop_server(); }

    Result<std::unique_ptr<UnixServer>> listen(const std::filesystem::path& where) {
        return UnixServer::listen(
            loop, where, limits,
            {[this](const std::shared_ptr<UnixPeer>&) { ++accepted; },
             [](UnixPeer& peer, ByteView data) { peer.send(data); }, [this](UnixPeer&) { ++lost; }});
    }
    void start_server() {
        auto made = listen(path);
        REQUIRE(made);
        server = std::move(*made);
    }
    void stop_server() {
        std::promise<void> done;
        loop.post([&] {
            server.reset();
            done.set_value();
        });
        done.get_future().wait();
    }

    base::FileDescriptor connect() const {
        base::FileDescriptor fd(::socket(AF_UNIX, SOCK_STREAM, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
        if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return {};
        return fd;
    }
};

}  // namespace

TEST_CASE("a Unix socket is for its owner only, and gone with its server") {
    UnixFixture net;
    net.start_server();
    struct stat status {};
    REQUIRE(::stat(net.path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777u) == 0600);
    net.stop_server();
    CHECK_FALSE(std::filesystem::exists(net.path));
}

TEST_CASE("what a Unix peer sends arrives, and its end is noticed") {
    UnixFixture net;
    net.start_server();
    auto peer = net.connect();
    REQUIRE(::write(peer.get(), "hello", 5) == 5);
    char answer[5];
    REQUIRE(::recv(peer.get(), answer, 5, MSG_WAITALL) == 5);
    CHECK(std::string(answer, 5) == "hello");
    peer = {};
    CHECK(eventually([&] { return net.lost == 1; }));
}

TEST_CASE("Unix peers over the limit, and one that does not read, are dropped") {
    UnixFixture net;
    net.limits = {.max_peers = 1, .max_queued_bytes = 100'000};
    net.start_server();
    auto first = net.connect();
    REQUIRE(eventually([&] { return net.accepted == 1; }));
    const auto second = net.connect();
    char byte = 0;
    CHECK(::read(second.get(), &byte, 1) == 0);
    CHECK(net.accepted == 1);

    const std::string much(10'000, 'x');
    CHECK(eventually([&] {
        return net.lost == 1 || ::send(first.get(), much.data(), much.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < -1;
    }));
}

TEST_CASE("a Unix socket that is in use is refused, one that a dead process left is replaced") {
    UnixFixture net;
    net.start_server();
    const auto second = net.listen(net.path);
    REQUIRE_FALSE(second);
    CHECK(second.error().code == "listen_failed");
    CHECK(net.connect());

    const auto left = net.folder / "left.sock";
    {
        const base::FileDescriptor dead(::socket(AF_UNIX, SOCK_STREAM, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, left.c_str(), sizeof address.sun_path - 1);
        REQUIRE(::bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    }
    CHECK(net.listen(left).has_value());
    CHECK(net.listen(net.folder / std::string(120, 'x')).error().code == "listen_failed");
}
