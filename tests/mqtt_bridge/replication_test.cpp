#include <catch2/catch.hpp>

#include "mqtt_bridge/replicate/check.hpp"
#include "mqtt_bridge/replicate/message.hpp"
#include "mqtt_bridge/replicate/replicator.hpp"
#include "tests/mqtt_bridge/chain.hpp"
#include "tests/mqtt_bridge/replication_sim.hpp"

using namespace fairstream;
using namespace fairstream::mqtt_bridge::replicate;
using fairstream::mqtt_bridge::log::Outcome;
using fairstream::mqtt_bridge::log::Position;
using fairstream::mqtt_bridge::log::Record;
using fairstream::tests::Chain;
using fairstream::tests::ReplicationSim;

namespace {

template <typename Wanted>
std::vector<Wanted> only(std::vector<Action> actions) {
    std::vector<Wanted> out;
    for (Action& action : actions)
        if (auto* one = std::get_if<Wanted>(&action)) out.push_back(std::move(*one));
    return out;
}

Arrival from_writer(Record record) {
    return {std::make_shared<const Record>(std::move(record)), "", "inbox"};
}

/// op1 of three, quorum two, with both others connected.
Replicator placed(const Chain& chain) {
    Replicator core("op1");
    core.step(Tick{base::from_us(1'000'000)});
    core.step(StreamPlaced{chain.stream(), {"op1", "op2", "op3"}, 2});
    core.step(PeerUp{"op2"});
    core.step(PeerUp{"op3"});
    return core;
}

std::vector<Action> store(Replicator& core, const Arrival& arrival) {
    auto appends = only<Append>(core.step(BundleArrived{arrival}));
    REQUIRE(appends.size() == 1);
    return core.step(Stored{appends[0].arrival, Outcome::kAppended});
}

}  // namespace

TEST_CASE("a bundle from the writer is pushed when it is durable, and live when a second operator has it") {
    Chain chain(1);
    Replicator core = placed(chain);
    const Arrival arrival = from_writer(chain.next(4));
    CHECK(only<Push>(core.step(BundleArrived{arrival})).empty());
    const auto after = core.step(Stored{arrival, Outcome::kAppended});
    CHECK(only<Push>(after).size() == 2);
    CHECK(only<PublishLive>(after).empty());
    const auto marked = only<PublishLive>(core.step(MarkArrived{"op2", {chain.stream(), chain.position(), false, 0}}));
    REQUIRE(marked.size() == 1);
    CHECK(marked[0].first == 1);
    CHECK(marked[0].last == 4);
    CHECK(only<PublishLive>(core.step(MarkArrived{"op3", {chain.stream(), chain.position(), false, 0}})).empty());
}

TEST_CASE("what a peer pushed is not pushed on") {
    Chain chain(1);
    Replicator core = placed(chain);
    Arrival arrival = from_writer(chain.next());
    arrival.peer = "op2";
    CHECK(only<Push>(store(core, arrival)).empty());
}

TEST_CASE("receipts are signed at most every 50 ms, and again when the writer asks again") {
    Chain chain(1);
    Replicator core = placed(chain);
    const Arrival first = from_writer(chain.next());
    CHECK(only<SignMarks>(store(core, first)).size() == 1);
    CHECK(only<SignMarks>(store(core, from_writer(chain.next()))).empty());
    CHECK(only<SignMarks>(core.step(Tick{base::from_us(1'049'000)})).empty());
    const auto signed_marks = only<SignMarks>(core.step(Tick{base::from_us(1'050'000)}));
    REQUIRE(signed_marks.size() == 1);
    CHECK(signed_marks[0].marks[0].position == chain.position());
    CHECK(signed_marks[0].marks[0].peers == std::vector<Peer>{"op2", "op3"});
    const auto again = only<Append>(core.step(BundleArrived{first}));
    REQUIRE(again.size() == 1);
    core.step(Stored{again[0].arrival, Outcome::kDuplicate});
    CHECK(only<SignMarks>(core.step(Tick{base::from_us(1'100'000)})).size() == 1);
}

TEST_CASE(
    "the end of a batch gets a receipt of its own, though the stream went on, and again when the writer asks again") {
    Chain chain(1);
    Replicator core = placed(chain);
    store(core, from_writer(chain.next()));
    Arrival closing = from_writer(chain.next());
    closing.closing = true;
    const auto end = chain.position();
    store(core, closing);
    store(core, from_writer(chain.next()));
    const auto positions = [](const std::vector<SignMarks>& all) {
        std::vector<mqtt_bridge::log::Position> out;
        for (const SignMarks& sign : all)
            for (const auto& one : sign.marks) out.push_back(one.position);
        return out;
    };
    CHECK(positions(only<SignMarks>(core.step(Tick{base::from_us(1'050'000)}))) == std::vector{end, chain.position()});

    // A peer's receipt over it is published though a later one overtook it, and kept for when the writer asks again.
    core.step(ReceiptArrived{"op2", chain.stream(), chain.position(), to_bytes("later")});
    CHECK(only<PublishReceipt>(core.step(ReceiptArrived{"op2", chain.stream(), end, to_bytes("end")})).size() == 1);
    core.step(BundleArrived{closing});
    const auto again = core.step(Stored{closing, Outcome::kDuplicate});
    const auto published = only<PublishReceipt>(again);
    REQUIRE(published.size() == 2);
    CHECK(published[0].encoded == to_bytes("end"));
    CHECK(published[1].encoded == to_bytes("later"));
    CHECK(positions(only<SignMarks>(core.step(Tick{base::from_us(1'100'000)})))[0] == end);
}

TEST_CASE("a bundle beyond a gap waits, and the writer hears what is expected") {
    Chain chain(1);
    Replicator core = placed(chain);
    const Record first = chain.next(), second = chain.next();
    const auto told = only<TellExpected>(core.step(BundleArrived{from_writer(second)}));
    REQUIRE(told.size() == 1);
    CHECK(told[0].position == Position{});
    CHECK(only<Append>(core.step(BundleArrived{from_writer(first)})).size() == 2);
}

TEST_CASE("two stories under one number are a conflict") {
    Chain chain(1), other(1, "another story");
    Replicator core = placed(chain);
    store(core, from_writer(chain.next()));
    other.next();
    CHECK(only<Conflict>(core.step(BundleArrived{from_writer(other.next())})).size() == 1);
}

TEST_CASE("a mark on another chain counts for nothing and is named") {
    Chain chain(1), other(1, "another story");
    Replicator core = placed(chain);
    store(core, from_writer(chain.next()));
    other.next();
    const auto actions = core.step(MarkArrived{"op2", {chain.stream(), other.position(), false, 0}});
    CHECK(only<PublishLive>(actions).empty());
    CHECK(only<PeerFault>(actions).size() == 1);
}

TEST_CASE("strangers are not listened to") {
    Chain chain(1);
    Replicator core = placed(chain);
    store(core, from_writer(chain.next()));
    CHECK(core.step(MarkArrived{"op9", {chain.stream(), chain.position(), true, 0}}).empty());
    CHECK(core.step(FetchArrived{"op9", {chain.stream(), 1}}).empty());
    Chain unknown(2);
    CHECK(core.step(BundleArrived{from_writer(unknown.next())}).empty());
}

TEST_CASE("what is missing is fetched, from another peer when the first sends wrong bytes or nothing") {
    Chain chain(1);
    Replicator core = placed(chain);
    chain.next();
    const MarkMessage ahead{chain.stream(), chain.position(), false, 0};
    CHECK(only<SendFetch>(core.step(MarkArrived{"op2", ahead})).empty());  // a push may be under way
    core.step(MarkArrived{"op3", ahead});
    auto fetch = only<SendFetch>(core.step(Tick{base::from_us(1'400'000)}));
    REQUIRE(fetch.size() == 1);
    CHECK(fetch[0].peer == "op2");
    CHECK(fetch[0].fetch.from == 1);
    fetch = only<SendFetch>(core.step(BadBundle{"op2", chain.stream()}));
    REQUIRE(fetch.size() == 1);
    CHECK(fetch[0].peer == "op3");
    CHECK(only<SendFetch>(core.step(BadBundle{"op2", chain.stream()})).empty());  // one lie, one change of mind
    fetch = only<SendFetch>(core.step(Tick{base::from_us(3'500'000)}));
    REQUIRE(fetch.size() == 1);
    CHECK(fetch[0].peer == "op3");  // who lied is shunned
    fetch = only<SendFetch>(core.step(Tick{base::from_us(12'000'000)}));
    REQUIRE(fetch.size() == 1);
    CHECK(fetch[0].peer == "op2");  // for ten seconds
}

TEST_CASE("messages between operators are read back as written, and nonsense is refused") {
    Chain chain(3);
    chain.next();
    const std::vector<MarkMessage> marks{{chain.stream(), chain.position(), true, 0}, {chain.stream(), {}, false, 9}};
    Bytes bytes = encode(marks);
    CHECK(decode_marks(bytes).value() == marks);
    bytes.pop_back();
    CHECK_FALSE(decode_marks(bytes));
    CHECK_FALSE(decode_marks({}));
    const FetchMessage fetch{chain.stream(), 77};
    CHECK(decode_fetch(encode(fetch)).value() == fetch);
    CHECK_FALSE(decode_fetch(Bytes(25, 9)));
}

TEST_CASE("simulation: whatever is lost, doubled, overtaken or crashed, every operator ends with the writer's story") {
    for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
        ReplicationSim sim({.seed = seed});
        sim.run();
        INFO("seed " << seed);
        if (!sim.violations.empty()) FAIL(sim.violations.front());
        CHECK(sim.writer_done());
        for (std::size_t i = 0; i < 3; ++i) CHECK(sim.stored(i) == 40);
    }
}

TEST_CASE("simulation: an operator that corrupts what it sends on holds nobody up") {
    for (std::uint64_t seed = 1; seed <= 500; ++seed) {
        ReplicationSim sim({.seed = seed, .liar = true});
        sim.run();
        INFO("seed " << seed);
        if (!sim.violations.empty()) FAIL(sim.violations.front());
        CHECK(sim.writer_done());
        CHECK(sim.stored(1) == 40);
        CHECK(sim.stored(2) == 40);
    }
}

TEST_CASE("simulation: five operators, quorum three") {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        ReplicationSim sim({.seed = seed, .operators = 5, .quorum = 3});
        sim.run();
        INFO("seed " << seed);
        if (!sim.violations.empty()) FAIL(sim.violations.front());
        CHECK(sim.writer_done());
        for (std::size_t i = 0; i < 5; ++i) CHECK(sim.stored(i) == 40);
    }
}
