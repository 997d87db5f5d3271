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
    CHECK(code(d.task(2)) == "bad_task");  // another's share
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

TEST_CASE("custodian: goes on after a restart where the oldest unfinished purchase stands") {
    ReleaseQueue queue({10, 0, 0}, limits());
    CHECK(queue.add({12, 3, 1}, "first"));
    CHECK(queue.add({13, 0, 0}, "second"));
    queue.follow({20, 0, 0});
    CHECK(queue.done() == Position{12, 3, 0});
    queue.finished("first");
    CHECK(queue.done() == Position{12, UINT32_MAX, UINT32_MAX});  // all before block 13
    queue.finished("second");
    CHECK(queue.done() == Position{20, 0, 0});
}

TEST_CASE("custodian: works oldest first, and tries again ever later") {
    ReleaseQueue queue({}, limits());
    queue.add({1, 0, 0}, "first");
    queue.add({2, 0, 0}, "second");
    CHECK(queue.due(t0) == "first");
    queue.failed("first", t0);
    CHECK(queue.due(t0) == "second");  // does not wait behind it
    queue.finished("second");
    CHECK_FALSE(queue.due(t0 + 499ms));
    CHECK(queue.next_due() == t0 + 500ms);
    queue.failed("first", t0 + 500ms);
    CHECK(queue.next_due() == t0 + 1500ms);
    queue.failed("first", t0 + 1500ms);
    queue.failed("first", t0 + 3500ms);
    CHECK(queue.next_due() == t0 + 5500ms);  // 2 s at most
}

TEST_CASE("custodian: events that come twice are worked on once") {
    ReleaseQueue queue({5, 0, 0}, limits());
    CHECK(queue.add({5, 0, 0}, "seen before the start"));
    CHECK_FALSE(queue.due(t0));
    queue.add({6, 0, 0}, "one");
    queue.add({6, 0, 0}, "one");
    queue.finished("one");
    CHECK_FALSE(queue.due(t0));
}

TEST_CASE("custodian: a full queue loses nothing: the chain is read again") {
    ReleaseQueue queue({}, limits(/*max_pending=*/2));
    CHECK(queue.add({1, 0, 0}, "one"));
    CHECK(queue.add({2, 0, 0}, "two"));
    CHECK_FALSE(queue.add({3, 0, 0}, "three"));
    queue.follow({9, 0, 0});
    CHECK_FALSE(queue.must_restart());
    queue.finished("one");
    queue.finished("two");
    CHECK(queue.must_restart());
    CHECK(queue.done() < Position{3, 0, 0});
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
