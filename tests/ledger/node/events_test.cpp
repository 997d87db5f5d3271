// Followers of the chain see every event of every valid transaction, in order.
#include <catch2/catch.hpp>

#include <mutex>

#include "tests/ledger/node/cluster.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using namespace std::chrono_literals;
namespace proto = ledger::proto;

namespace {

/// What one subscription delivered.
class Follower {
public:
    Follower(ledger::client::Client& client, const proto::Checkpoint& after, std::vector<std::string> contracts = {},
             bool sealed = false)
        : client_(client), id_(client.subscribe(after, std::move(contracts), sealed, [this](const auto& batch) {
              const std::lock_guard lock(mutex_);
              height_ = std::max(height_, batch.height());
              for (const auto& event : batch.events()) {
                  texts_.push_back(event.event().payload());
                  last_ = event.at();
              }
          })) {}
    ~Follower() { client_.unsubscribe(id_); }

    std::vector<std::string> texts() const {
        const std::lock_guard lock(mutex_);
        return texts_;
    }
    proto::Checkpoint last() const {
        const std::lock_guard lock(mutex_);
        return last_;
    }
    bool has(std::size_t count) const {
        return eventually([&] { return texts().size() >= count; });
    }
    bool reaches(std::uint64_t height) const {
        return eventually([&] {
            const std::lock_guard lock(mutex_);
            return height_ >= height;
        });
    }

private:
    ledger::client::Client& client_;
    mutable std::mutex mutex_;
    std::vector<std::string> texts_;
    proto::Checkpoint last_;
    std::uint64_t height_ = 0;
    std::uint64_t id_;
};

std::vector<std::string> numbered(int first, int last) {
    std::vector<std::string> out;
    for (int i = first; i <= last; ++i) out.push_back("key=" + std::to_string(i));
    return out;
}

void put(Cluster& cluster, ledger::client::Client& client, int first, int last) {
    for (const auto& pair : numbered(first, last)) REQUIRE(code(client.submit(cluster.alice, kv("Put", pair))) == "ok");
}

}  // namespace

TEST_CASE("events are complete and in order, from stored blocks and live, across a restart of the node") {
    Cluster cluster(4);
    const auto submitter = cluster.client({0});
    put(cluster, *submitter, 1, 5);
    const auto follower_client = cluster.client({3});  // knows one gateway only
    const Follower follower(*follower_client, {});
    REQUIRE(follower.has(5));
    cluster.stop(3);
    put(cluster, *submitter, 6, 8);
    REQUIRE(code(cluster.start(3)) == "ok");
    put(cluster, *submitter, 9, 10);
    REQUIRE(follower.has(10));
    REQUIRE(follower.reaches(submitter->info()->height()));
    CHECK(follower.texts() == numbered(1, 10));
}

TEST_CASE("a checkpoint says what has been seen, and the rest follows") {
    Cluster cluster(1);
    const auto client = cluster.client();
    put(cluster, *client, 1, 3);
    proto::Checkpoint third;
    {
        const Follower first(*client, {});
        REQUIRE(first.has(3));
        third = first.last();
    }
    put(cluster, *client, 4, 5);
    const Follower second(*client, third);
    REQUIRE(second.has(2));
    CHECK(second.texts() == numbered(4, 5));
}

TEST_CASE("invalid transactions have no events, and other contracts' are left out") {
    Cluster cluster(3);
    const auto client = cluster.client();
    CHECK(code(client->submit(cluster.alice, kv("Late", "-"))) == "guard_not_met");
    put(cluster, *client, 1, 1);
    const Follower all(*client, {});
    const Follower others(*client, {}, {"another"});
    REQUIRE(all.has(1));
    REQUIRE(others.reaches(client->info()->height()));
    CHECK(all.texts() == numbered(1, 1));
    CHECK(others.texts().empty());
}

TEST_CASE("a follower of sealed outcomes gets every event once it is sealed") {
    Cluster cluster(3);
    const auto client = cluster.client();
    const Follower follower(*client, {}, {}, /*sealed=*/true);
    put(cluster, *client, 1, 3);
    REQUIRE(follower.has(3));
    CHECK(follower.texts() == numbered(1, 3));
    CHECK(client->info()->sealed_height() >= follower.last().block());
}
