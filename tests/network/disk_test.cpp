// A node whose disk has no more room: a small one of its own, full to the last byte.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "tests/network/consortium.hpp"

using namespace fairstream;
using tests::Consortium;
namespace fs = std::filesystem;

namespace {

/// Mounts that this test's thread and what it starts see, and nobody else. They are gone with the last of them.
class PrivateMounts {
public:
    PrivateMounts() : home_(::open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC)) {
        inside_ = home_ >= 0 && ::unshare(CLONE_NEWNS) == 0;
        if (!inside_)
            missing_ = "no mount namespace (needs root)";
        else if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
            missing_ = std::string("mounts cannot be made private: ") + std::strerror(errno);
    }
    ~PrivateMounts() {
        if (inside_) CHECK(::setns(home_, CLONE_NEWNS) == 0);
        if (home_ >= 0) ::close(home_);
    }
    PrivateMounts(const PrivateMounts&) = delete;
    PrivateMounts& operator=(const PrivateMounts&) = delete;

    /// Why there can be none here; empty if there can.
    const std::string& missing() const { return missing_; }
    /// A disk of so many bytes at `folder`, which is made.
    void disk(const fs::path& folder, std::size_t bytes) {
        fs::create_directories(folder);
        const auto size = "mode=0700,size=" + std::to_string(bytes);
        if (::mount("none", folder.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, size.c_str()) != 0)
            missing_ = std::string("no tmpfs can be mounted: ") + std::strerror(errno);
    }

private:
    int home_;
    bool inside_ = false;
    std::string missing_;
};

/// Takes all the room that is left on a disk, until it goes.
class Ballast {
public:
    explicit Ballast(fs::path file) : file_(std::move(file)) {
        const int fd = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        REQUIRE(fd >= 0);
        std::vector<char> piece(1u << 20, 'x');
        for (std::size_t size = piece.size(); size > 0;) {  // ever smaller pieces, down to single bytes
            if (::write(fd, piece.data(), size) > 0) continue;
            REQUIRE(errno == ENOSPC);
            size /= 2;
        }
        ::close(fd);
    }
    ~Ballast() { fs::remove(file_); }
    Ballast(const Ballast&) = delete;
    Ballast& operator=(const Ballast&) = delete;

private:
    fs::path file_;
};

/// More than RocksDB sets aside for its logs ahead of time: else it is full before the test begins.
constexpr std::size_t kDiskBytes = 256u << 20;

boost::json::value node_status(const Consortium& net, std::size_t node) {
    return net.ok({"network", "status"}).json().at("nodes").as_array().at(node);
}

bool all_level(const Consortium& net) {
    const auto status = net.ok({"network", "status"}).json();
    const auto& nodes = status.at("nodes").as_array();
    const auto level = [&](const auto& node) { return node.at("height") == nodes.front().at("height"); };
    return status.at("ready").as_bool() && std::ranges::all_of(nodes, level);
}

}  // namespace

TEST_CASE(
    "a node whose disk is full stops and says which file, and the others go on, and it catches up when there is room") {
    Consortium net;
    PrivateMounts mounts;  // gone before the folder is
    const auto folder = net.file("net/org2/node1");
    if (mounts.missing().empty()) mounts.disk(folder / "data", kDiskBytes);
    if (!mounts.missing().empty()) {
        WARN("skipped: " << mounts.missing());
        return;
    }
    net.up({"--operators", "0"});
    net.client("bob");
    net.client("acme");
    const auto pay = [&] {
        net.ok({"wallet", "send", "acme", "1000", "--as", "bob"});
        net.ok({"wallet", "send", "bob", "1000", "--as", "acme"});
    };
    const auto config = (folder / "node.yaml").string();
    {
        const Ballast ballast(folder / "data" / "ballast");
        tests::wait_until("the node has stopped", [&] {
            pay();
            return node_status(net, 1).at("pid").as_int64() == 0;
        });
        const auto why = std::string(node_status(net, 1).at("why").as_string());
        INFO("status says: " << why);
        CHECK(why.find("ended with exit code 1") != std::string::npos);
        CHECK(why.find("No space left on device") != std::string::npos);
        CHECK(why.find((folder / "data").string()) != std::string::npos);
        const auto log = tests::read_all(folder / "log.txt");
        CHECK(log.find("this node stops: io_error") != std::string::npos);
        // What it holds is whole, though the last write may be unfinished.
        const auto held = net.ok({"node", "check", "--config", config}).json();
        CHECK(held.at("problems").as_array().empty());
        pay();
        CHECK(net.balance("bob") + net.balance("acme") == 200'000'000);
        net.check_conserved();
    }
    net.up();
    tests::wait_until("every node is at the same height", [&] { return all_level(net); });
    net.kill_process("nodes", "node1.org4");
    pay();  // not without its vote
    net.check_conserved();
    net.ok({"network", "down"});
    const auto checked = net.ok({"node", "check", "--config", config}).json();
    CHECK(checked.at("problems").as_array().empty());
}
