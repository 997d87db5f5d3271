#include <catch2/catch.hpp>

#include "ledger/contract/keys.hpp"
#include "tests/ledger/validate/notes.hpp"

using namespace fairstream;
using namespace fairstream::tests;

namespace {

struct Fixture {
    Consortium market{{.organisations = 3}, {notes_contract(), notes_contract("other")}};
    Actor alice;

    proto::ProposalResult result(const std::string& function, const std::string& arguments) {
        const auto transaction = value_of(market.endorse(alice, "notes", function, as_bytes(arguments)));
        return value_of(proto::decode<proto::ProposalResult>(transaction.result()));
    }
    std::string answer(const std::string& function, const std::string& arguments) {
        return base::to_string(value_of(market.query(alice, "notes", function, as_bytes(arguments))));
    }
    std::string code(const std::string& function, const std::string& arguments) {
        const auto transaction = market.endorse(alice, "notes", function, as_bytes(arguments));
        return transaction ? "endorsed" : transaction.error().code;
    }
    void commit(const std::string& function, const std::string& arguments) {
        const auto done = market.commit({value_of(market.endorse(alice, "notes", function, as_bytes(arguments)))});
        REQUIRE(done.outcomes.at(0).reason() == "");
    }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a simulation records what was read, written, added and emitted, and changes nothing") {
    commit("Put", "a=1");
    const auto copy = result("Copy", "a=b");
    REQUIRE(copy.reads_size() == 1);
    CHECK(copy.reads(0).key() == "notes/a");
    CHECK(copy.reads(0).version().block() == 1);
    REQUIRE(copy.writes_size() == 1);
    CHECK(copy.writes(0).key() == "notes/b");
    CHECK(copy.writes(0).value() == "1");
    CHECK(copy.config_epoch() == 1);
    CHECK(answer("Get", "b") == "(none)");

    const auto absent = result("Copy", "zzz=b");
    CHECK_FALSE(absent.reads(0).has_version());
    const auto added = result("Add", "n 5 0 10");
    CHECK(added.reads_size() == 0);
    CHECK(added.deltas(0).key() == "notes/n");
    CHECK(result("Emit", "Hello").events(0).name() == "Hello");
    CHECK(result("Delete", "a").writes(0).remove());
}

TEST_CASE_METHOD(Fixture, "keys of a contract are its own, bounded, and below the ledger's") {
    commit("Put", "a=1");
    CHECK(base::to_string(value_of(market.query(alice, "other", "Get", as_bytes("a")))) == "(none)");
    CHECK(code("Put", "=1") == "bad_key");
    CHECK(code("Put", "~private/a=1") == "bad_key");
    CHECK(code("Put", std::string(257, 'k') + "=1") == "bad_key");
    CHECK(code("Put", std::string(256, 'k') + "=1") == "endorsed");
    CHECK(code("Emit", "no spaces") == "bad_arguments");
}

TEST_CASE_METHOD(Fixture, "a range merges the committed entries with the transaction's own changes") {
    for (const auto* entry : {"a=1", "b=2", "c=3"}) commit("Put", entry);
    CHECK(answer("List", "a=c") == "a=1;b=2;");
    CHECK(answer("List", "=") == "a=1;b=2;c=3;");
    CHECK(answer("List", "c=a") == "");

    const Consortium::Shape shape{.organisations = 1};
    const auto contract = std::make_shared<LambdaContract>(
        "edit", std::map<std::string, LambdaContract::Function, std::less<>>{
                    {"Fill",
                     [](Context& context, ByteView) -> Result<Bytes> {
                         for (const auto* key : {"a", "b", "c", "d"}) FS_TRY(context.put(key, as_bytes("old")));
                         FS_TRY(context.add("n", 3, 0, 10));
                         return Bytes{};
                     }},
                    {"Edit", [](Context& context, ByteView) -> Result<Bytes> {
                         FS_TRY(context.del("a"));
                         FS_TRY(context.put("b", as_bytes("new")));
                         FS_TRY(context.put("bb", as_bytes("own")));
                         FS_TRY(context.add("n", 4, 0, 10));
                         FS_ASSIGN(const auto first, context.range("a", "e", 3));
                         FS_ASSIGN(const auto all, context.range("", "", 10));
                         std::string out;
                         for (const auto& entry : first) out += entry.key + "=" + base::to_string(entry.value) + ";";
                         FS_ASSIGN(const auto integer, ledger::contract::decode_integer(all.back().value));
                         return to_bytes(out + all.back().key + "=" + std::to_string(integer));
                     }}});
    Consortium edits(shape, {contract});
    edits.commit({value_of(edits.endorse(alice, "edit", "Fill"))});
    CHECK(base::to_string(value_of(edits.query(alice, "edit", "Edit"))) == "b=new;bb=own;c=old;n=7");
}

TEST_CASE_METHOD(Fixture, "deltas are checked early, seen by reads, and never mixed with writes") {
    CHECK(code("Add", "n 11 0 10") == "out_of_bounds");
    CHECK(code("Add", "n 6 0 10 n 6 0 10") == "out_of_bounds");
    CHECK(code("Add",
               "n 9223372036854775807 -9223372036854775808 9223372036854775807 "
               "n 1 -9223372036854775808 9223372036854775807") == "out_of_bounds");
    commit("Add", "n 6 0 10");
    CHECK(answer("Integer", "n") == "6");
    CHECK(answer("Integer", "absent") == "0");
    commit("Put", "text=abc");
    CHECK(code("Add", "text 1 0 10") == "not_an_integer");
    CHECK(code("Integer", "text") == "not_an_integer");

    const auto mixed = std::make_shared<LambdaContract>(
        "mixed", std::map<std::string, LambdaContract::Function, std::less<>>{
                     {"AddThenPut",
                      [](Context& context, ByteView) -> Result<Bytes> {
                          FS_TRY(context.add("n", 1, 0, 10));
                          FS_TRY(context.put("n", as_bytes("x")));
                          return Bytes{};
                      }},
                     {"PutThenAdd", [](Context& context, ByteView) -> Result<Bytes> {
                          FS_TRY(context.put("n", ledger::contract::encode_integer(4)));
                          FS_TRY(context.add("n", 1, 0, 10));
                          FS_ASSIGN(const auto value, context.integer("n"));
                          return to_bytes(std::to_string(value));
                      }}});
    Consortium other({.organisations = 1}, {mixed});
    CHECK(other.endorse(alice, "mixed", "AddThenPut").error().code == "mixed_access");
    CHECK(base::to_string(value_of(other.query(alice, "mixed", "PutThenAdd"))) == "5");
}

TEST_CASE_METHOD(Fixture,
                 "a contract may call another, which sees it as its caller, and a failed call leaves nothing") {
    CHECK(answer("WhoAmI", "") == alice.did + " via ");
    CHECK(answer("Try", "other WhoAmI x") == alice.did + " via notes");
    CHECK(answer("Try", "nobody WhoAmI x") == "failed: unknown_contract");
    CHECK(answer("Try", "other NoSuch x") == "failed: unknown_function");

    const auto undone = result("Try", "other PutThenFail k");
    CHECK(undone.response() == "failed: changed_my_mind");
    CHECK(undone.writes_size() == 0);
    CHECK(undone.events_size() == 0);
    CHECK(code("PutThenFail", "k") == "changed_my_mind");
    CHECK(code("Recurse", "") == "call_too_deep");
}

TEST_CASE_METHOD(Fixture, "an endorser refuses what is not for it, not now, or not by who it says") {
    const auto endorse = [&](const proto::ProposalRequest& request, TimePoint at) {
        const auto done = market.nodes()[0].endorser->endorse(request, at);
        return done ? std::string("endorsed") : done.error().code;
    };
    const auto request = market.propose(alice, "notes", "Put", as_bytes("a=1"));
    using std::chrono::microseconds, std::chrono::seconds;
    CHECK(endorse(request, market.now) == "endorsed");
    CHECK(endorse(request, market.now + seconds(30)) == "endorsed");
    CHECK(endorse(request, market.now + seconds(30) + microseconds(1)) == "clock_skew");
    CHECK(endorse(request, market.now - seconds(31)) == "clock_skew");
    CHECK(endorse(market.propose(alice, "notes", "Put", {}, proto::INTENT_QUERY), market.now) == "wrong_intent");
    CHECK(market.nodes()[0].endorser->evaluate(request, market.now).error().code == "wrong_intent");
    CHECK(endorse(market.propose(alice, "unknown", "Put", {}), market.now) == "unknown_contract");

    auto elsewhere = value_of(proto::decode<proto::Proposal>(request.signed_proposal().proposal()));
    elsewhere.set_channel("elsewhere");
    proto::ProposalRequest wrong_channel;
    *wrong_channel.mutable_signed_proposal() = market.sign(alice, elsewhere);
    CHECK(endorse(wrong_channel, market.now) == "wrong_channel");

    auto forged = request;
    forged.mutable_signed_proposal()->mutable_signature()->at(5) ^= 1;
    CHECK(endorse(forged, market.now) == "bad_signature");
    CHECK(endorse(proto::ProposalRequest{}, market.now) == "malformed");

    const auto transaction = value_of(market.endorse(request));
    market.commit({transaction});
    CHECK(endorse(request, market.now) == "duplicate_id");
}

TEST_CASE_METHOD(Fixture, "private inputs must be those the proposal was signed for") {
    const auto secret = to_bytes("the dealt shares");
    const auto request = market.propose(alice, "notes", "Hide", as_bytes("k"), proto::INTENT_SUBMIT, secret);
    const auto code_of = [&](const proto::ProposalRequest& changed) {
        const auto done = market.nodes()[0].endorser->endorse(changed, market.now);
        return done ? std::string("endorsed") : done.error().code;
    };
    auto changed = request;
    changed.set_private_inputs("something else");
    CHECK(code_of(changed) == "bad_private_hash");
    changed = request;
    changed.set_salt("short");
    CHECK(code_of(changed) == "bad_private_hash");
    changed = market.propose(alice, "notes", "Put", as_bytes("a=1"));
    changed.set_private_inputs("uninvited");
    CHECK(code_of(changed) == "bad_private_hash");
    CHECK(code_of(request) == "endorsed");
    CHECK(code("Hide", "k") == "no_salt");
}

TEST_CASE_METHOD(Fixture, "a private value stays off the ledger, and counts only if it hashes to what stands there") {
    const auto secret = to_bytes("the dealt shares");
    const auto transaction = value_of(market.endorse(alice, "notes", "Hide", as_bytes("k"), secret));
    CHECK(transaction.SerializeAsString().find("the dealt shares") == std::string::npos);
    const auto result = value_of(proto::decode<proto::ProposalResult>(transaction.result()));
    REQUIRE(result.private_writes_size() == 1);
    CHECK(result.private_writes(0).key() == "notes/~private/k");
    CHECK(result.writes(0).value() == result.private_writes(0).salted_hash());

    CHECK(answer("Reveal", "k") == "(none)");
    const auto done = market.commit({transaction});
    CHECK(done.committed.at(0).private_writes.size() == 1);
    CHECK(answer("Reveal", "k") == "the dealt shares");
    CHECK(answer("List", "=") == "");  // not among the contract's own keys

    value_of(market.private_store().purge("notes/~private/k"));
    const auto gone = market.query(alice, "notes", "Reveal", as_bytes("k"));
    REQUIRE_FALSE(gone);
    CHECK(gone.error().code == "private_missing");
}

TEST_CASE_METHOD(Fixture, "what would not fit into a transaction is not endorsed") {
    CHECK(code("Put", "k=" + std::string(500u << 10, 'x')) == "endorsed");
    auto config = market.config();
    config.mutable_limits()->set_max_transaction_bytes(4096);
    const auto small = value_of(ledger::contract::Channel::make(proto::encode(config)));
    ledger::endorse::Endorser endorser(small, {notes_contract()}, market.state(), market.private_store(), "org1-node1",
                                       market.nodes()[0].key);
    const auto request = market.propose(alice, "notes", "Put", as_bytes("k=" + std::string(4096, 'x')));
    CHECK(endorser.endorse(request, market.now).error().code == "too_large");
}
