#include <catch2/catch.hpp>

#include "identity/crypto/custody.hpp"
#include "security_manager/custodian/release_queue.hpp"
#include "security_manager/custodian/releaser.hpp"

using namespace fairstream;
using namespace fairstream::security_manager::custodian;
using namespace std::chrono_literals;
namespace crypto = identity::crypto;
namespace custody = identity::crypto::custody;
namespace schema = chaincode::schema;

namespace {

const TimePoint t0 = base::from_us(1'763'690'000'000'000);

ReleaseQueue::Limits limits(std::size_t max_pending = 10) {
    return {500ms, 2000ms, max_pending};
}

template <typename Bytes>
std::string text(const Bytes& bytes) {
    return std::string(bytes.begin(), bytes.end());
}

Job share_for(const std::string& purchase, std::uint32_t key_epoch = 0) {
    return {.kind = Job::Kind::kRelease, .id = purchase, .key_epoch = key_epoch, .after = {}};
}

/// Takes the job that must be next.
ReleaseQueue::Ticket take(ReleaseQueue& queue, const std::string& id) {
    const auto taken = queue.take(t0);
    REQUIRE(taken);
    CHECK(taken->second.id == id);
    return taken->first;
}

/// A stream dealt to three custodians, threshold two, and a purchase of it.
struct Dealt {
    std::vector<crypto::SigningKey> custodians{crypto::SigningKey::generate(), crypto::SigningKey::generate(),
                                               crypto::SigningKey::generate()};
    crypto::SigningKey buyer = crypto::SigningKey::generate();
    custody::DealContext context{"market", "stream", 1, "did:key:seller", {}, 2};
    custody::Dealt dealt;

    Dealt() {
        for (std::size_t i = 0; i < custodians.size(); ++i)
            context.roster.emplace_back("org" + std::to_string(i + 1), custodians[i].public_key().compressed());
        dealt = *custody::deal(context);
    }
    schema::ReleaseTask task(std::uint32_t index) const {
        schema::ReleaseTask out;
        auto& dealing = *out.mutable_dealing();
        dealing.set_stream_id(context.stream);
        dealing.set_key_epoch(1);
        dealing.set_seller(context.seller);
        dealing.set_threshold(2);
        for (const auto& [organisation, key] : context.roster) {
            dealing.add_organisations(organisation);
            dealing.add_custodian_keys(text(key));
        }
        out.set_index(index);
        out.set_y(text(dealt.dealing.shares[index - 1].y));
        out.set_buyer_key(text(buyer.public_key().compressed()));
        out.set_buyer("did:key:buyer");
        out.set_wanted(true);
        return out;
    }
};

template <typename Array>
Array array(const std::string& bytes) {
    Array out{};
    REQUIRE(bytes.size() == out.size());
    std::copy(bytes.begin(), bytes.end(), out.begin());
    return out;
}

}  // namespace

TEST_CASE("custodian: threshold releases, made from the ledger's tasks, give the buyer the key") {
    const Dealt d;
    std::vector<custody::IndexedRelease> releases;
    for (const std::uint32_t index : {1u, 3u}) {
        const auto request = make_release(d.custodians[index - 1], "market", "purchase-1", d.task(index));
        REQUIRE(request);
        CHECK(request->purchase() == "purchase-1");
        CHECK(request->key_epoch() == 1);
        custody::Release release{array<custody::Point>(request->a()), array<custody::Point>(request->b()),
                                 array<custody::Scalar>(request->c()), array<custody::Scalar>(request->s()),
                                 array<custody::Scalar>(request->u())};
        CHECK(custody::verify_release(release, d.context.roster[index - 1].second, d.dealt.dealing.shares[index - 1].y,
                                      d.buyer.public_key().compressed(),
                                      custody::release_context(d.context, "purchase-1", "did:key:buyer")));
        releases.push_back({index, release});
    }
    const auto key = custody::combine(d.buyer, releases, d.context, d.dealt.dealing.key_check_value);
    REQUIRE(key);
    CHECK(key->key == d.dealt.key.key);
}

TEST_CASE("custodian: releases nothing for a task that is not its own") {
    const Dealt d;
    const auto code = [&](const schema::ReleaseTask& task) {
        const auto made = make_release(d.custodians[0], "market", "purchase-1", task);
        return made ? std::string("made") : made.error().code;
    };
    CHECK(code(d.task(1)) == "made");
    CHECK(code(d.task(2)) == "key_missing");  // another's share
    auto task = d.task(1);
    task.set_index(0);
    CHECK(code(task) == "bad_task");
    task.set_index(4);
    CHECK(code(task) == "bad_task");
    task = d.task(1);
    task.set_y("short");
    CHECK(code(task) == "bad_task");
    task = d.task(1);
    task.set_buyer_key(std::string(33, '\x02'));
    task.mutable_buyer_key()->front() = '\x09';
    CHECK(code(task) == "bad_point");
    task = d.task(1);
    task.mutable_dealing()->add_organisations("org4");
    CHECK(code(task) == "bad_task");
}

TEST_CASE("custodian: goes on after a restart where the oldest unfinished job stands") {
    ReleaseQueue queue({10, 0, 0}, limits());
    CHECK(queue.add({12, 3, 1}, share_for("first")));
    CHECK(queue.add({13, 0, 0}, share_for("second")));
    queue.follow({20, 0, 0});
    CHECK(queue.done() == Position{12, 3, 0});
    queue.finished(take(queue, "first"));
    CHECK(queue.done() == Position{12, UINT32_MAX, UINT32_MAX});  // all before block 13
    queue.finished(take(queue, "second"));
    CHECK(queue.done() == Position{20, 0, 0});
}

TEST_CASE("custodian: works oldest first, each job once at a time, and tries again ever later") {
    ReleaseQueue queue({}, limits());
    queue.add({1, 0, 0}, share_for("first"));
    queue.add({2, 0, 0}, share_for("second"));
    const auto first = take(queue, "first");
    const auto second = take(queue, "second");  // beside it
    CHECK_FALSE(queue.take(t0));
    queue.failed(first, t0);
    queue.finished(second);
    CHECK_FALSE(queue.take(t0 + 499ms));
    CHECK(queue.next_due() == t0 + 500ms);
    CHECK(queue.take(t0 + 500ms));
    CHECK_FALSE(queue.next_due());
    queue.failed(first, t0 + 500ms);
    CHECK(queue.next_due() == t0 + 1500ms);
    CHECK(queue.take(t0 + 1500ms));
    queue.failed(first, t0 + 1500ms);
    CHECK(queue.take(t0 + 3500ms));
    queue.failed(first, t0 + 3500ms);
    CHECK(queue.next_due() == t0 + 5500ms);  // 2 s at most
}

TEST_CASE("custodian: events that come twice are worked on once") {
    ReleaseQueue queue({5, 0, 0}, limits());
    CHECK(queue.add({5, 0, 0}, share_for("seen before the start")));
    CHECK_FALSE(queue.take(t0));
    queue.add({6, 0, 0}, share_for("one"));
    queue.add({6, 0, 0}, share_for("one"));
    queue.finished(take(queue, "one"));
    CHECK_FALSE(queue.take(t0));
}

TEST_CASE("custodian: a full queue loses nothing: the chain is read again from what was seen") {
    ReleaseQueue queue({}, limits(/*max_pending=*/2));
    CHECK(queue.add({1, 0, 0}, share_for("one")));
    CHECK(queue.add({2, 0, 0}, share_for("two")));
    queue.follow({2, 0, 0});
    CHECK_FALSE(queue.add({3, 0, 0}, share_for("three")));
    queue.follow({9, 0, 0});
    CHECK_FALSE(queue.must_restart());
    queue.postponed(take(queue, "one"), t0 + 24h);  // what waits for its time does not hold up the rest
    queue.finished(take(queue, "two"));
    CHECK(queue.must_restart());
    CHECK(queue.followed() == Position{2, 0, 0});
    queue.restart();
    CHECK(queue.add({3, 0, 0}, share_for("three")));
    CHECK(queue.take(t0)->second.id == "three");
    CHECK(queue.done() == Position{0, UINT32_MAX, UINT32_MAX});
}

TEST_CASE("custodian: a purchase of time waits for its beginning, and then becomes a release for each key epoch") {
    ReleaseQueue queue({}, limits());
    queue.add({1, 0, 0}, {.kind = Job::Kind::kPurchase, .id = "time", .key_epoch = 0, .after = {}});
    queue.follow({4, 0, 0});
    queue.postponed(take(queue, "time"), t0 + 60s);
    CHECK_FALSE(queue.take(t0 + 59s));
    const auto parent = queue.take(t0 + 60s);
    REQUIRE(parent);
    auto rest = parent->second;
    rest.key_epoch = 2;
    queue.split(parent->first, {share_for("time", 1), share_for("time", 2)}, rest);
    CHECK(queue.done() == Position{0, UINT32_MAX, UINT32_MAX});

    const auto again = queue.take(t0 + 60s);
    CHECK(again->second == rest);
    queue.split(again->first, {}, std::nullopt);
    const auto first = queue.take(t0 + 60s);
    const auto second = queue.take(t0 + 60s);
    CHECK(first->second == share_for("time", 1));
    CHECK(second->second == share_for("time", 2));
    queue.finished(second->first);
    CHECK(queue.done() == Position{0, UINT32_MAX, UINT32_MAX});  // one is still to be released
    queue.finished(first->first);
    CHECK(queue.done() == Position{4, 0, 0});
}

TEST_CASE("custodian: time that is bought ahead holds up nobody, however much of it there is") {
    auto few = limits(/*max_pending=*/2);
    few.max_waiting = 3;
    ReleaseQueue queue({}, few);
    for (std::uint64_t block = 1; block <= 5; ++block) {
        const auto id = "ahead-" + std::to_string(block);
        REQUIRE(queue.add({block, 0, 0}, {.kind = Job::Kind::kPurchase, .id = id, .key_epoch = 0, .after = {}}));
        queue.follow({block, 0, 0});
        queue.postponed(take(queue, id), t0 + std::chrono::hours(block));
    }
    CHECK(queue.add({6, 0, 0}, share_for("now")));
    queue.follow({6, 0, 0});
    queue.finished(take(queue, "now"));
    CHECK_FALSE(queue.must_restart());
    CHECK(queue.next_due() == t0 + 1h);
    CHECK(queue.done() == Position{0, UINT32_MAX, UINT32_MAX});
    // Those whose time comes first are kept.
    for (std::uint64_t block = 1; block <= 3; ++block) {
        const auto due = queue.take(t0 + 24h);
        REQUIRE(due);
        CHECK(due->second.id == "ahead-" + std::to_string(block));
        queue.finished(due->first);
    }
    CHECK_FALSE(queue.take(t0 + 24h));
    CHECK(queue.done() == Position{6, 0, 0});
}

TEST_CASE("custodian: a key epoch with more buyers than there is room for is released page by page") {
    constexpr std::size_t kBuyers = 20;
    ReleaseQueue queue({}, limits(/*max_pending=*/3));
    queue.add({1, 0, 0}, {.kind = Job::Kind::kKeyEpoch, .id = "offer", .key_epoch = 7, .after = {}});
    std::vector<std::string> released;
    std::size_t listed = 0;
    std::size_t waiting = 0;
    while (const auto taken = queue.take(t0)) {
        if (taken->second.kind == Job::Kind::kRelease) {
            released.push_back(taken->second.id);
            queue.finished(taken->first);
            --waiting;
            continue;
        }
        CHECK(waiting <= 3);  // no next page before there is room
        std::vector<Job> page;
        for (std::size_t i = 0; i < 5; ++i) page.push_back(share_for("buyer-" + std::to_string(listed++), 7));
        waiting += page.size();
        queue.split(taken->first, page, listed < kBuyers ? std::optional(taken->second) : std::nullopt);
    }
    CHECK(listed == kBuyers);
    CHECK(released.size() == kBuyers);
    CHECK(queue.done() == Position{});
}

TEST_CASE("custodian: the state file says where, or that it is damaged") {
    const Position at{7, 8, 9};
    const auto read = Position::from_text(at.to_text());
    REQUIRE(read);
    CHECK(*read == at);
    for (const std::string damaged : {"", "fairstream-custodian/1 7 8", "fairstream-custodian/1 7 8 9", "7 8 9\n",
                                      "fairstream-custodian/1 7 8 9\nmore", "fairstream-custodian/1 -7 8 9\n"})
        CHECK_FALSE(Position::from_text(damaged));
}
