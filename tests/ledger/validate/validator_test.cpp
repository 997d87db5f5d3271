#include <catch2/catch.hpp>

#include "base/encoding.hpp"
#include "base/pool.hpp"
#include "ledger/contract/keys.hpp"
#include "tests/ledger/validate/notes.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using std::chrono::seconds;

namespace {

std::string id_of(const proto::Transaction& transaction) {
    return base::to_hex(proto::transaction_id(transaction.signed_proposal()));
}

bool mentions(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

struct Fixture {
    Consortium market{{.organisations = 4}, {notes_contract()}};
    Actor alice;

    proto::Transaction endorsed(const std::string& function, const std::string& arguments) {
        return value_of(market.endorse(alice, "notes", function, as_bytes(arguments)));
    }
    /// The same transaction with another result, endorsed by `count` organisations as if a simulation had given it.
    template <typename Change>
    proto::Transaction changed(const proto::Transaction& original, Change change, std::size_t count = 3) {
        auto result = value_of(proto::decode<proto::ProposalResult>(original.result()));
        change(result);
        auto out = original;
        market.endorse_as(out, result, count);
        return out;
    }
    proto::Outcome commit_one(const proto::Transaction& transaction) {
        return market.commit({transaction}).outcomes.at(0);
    }
    void put(const std::string& arguments) { REQUIRE(commit_one(endorsed("Put", arguments)).code() == proto::VALID); }
    std::string get(const std::string& key) {
        return base::to_string(value_of(market.query(alice, "notes", "Get", as_bytes(key))));
    }
    std::string integer(const std::string& key) {
        return base::to_string(value_of(market.query(alice, "notes", "Integer", as_bytes(key))));
    }
    bool used(const proto::Transaction& transaction) {
        return value_of(market.state().snapshot()->transaction(proto::transaction_id(transaction.signed_proposal())))
            .has_value();
    }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a valid transaction is applied, with version, outcome and events") {
    const auto transaction = endorsed("Put", "a=1");
    const auto emitted = endorsed("Emit", "Hello");
    const auto done = market.commit({transaction, emitted});
    CHECK(done.outcomes.at(0).code() == proto::VALID);
    CHECK(done.outcomes.at(0).reason().empty());
    CHECK(done.outcomes.at(0).writes_hash().size() == 32);
    CHECK(done.outcomes_root == ledger::validate::outcomes_root(done.outcomes));
    REQUIRE(done.committed.size() == 2);
    CHECK(done.committed[1].events.at(0).name() == "Hello");
    CHECK(done.committed[1].events.at(0).contract() == "notes");
    const auto entry = value_of(market.state().snapshot()->get("notes/a"));
    REQUIRE(entry);
    CHECK(entry->version == ledger::contract::Version{1, 0});
    const auto record =
        value_of(market.state().snapshot()->transaction(proto::transaction_id(transaction.signed_proposal())));
    REQUIRE(record);
    CHECK(record->at == ledger::contract::Version{1, 0});
    CHECK(market.state().height() == 1);
}

TEST_CASE_METHOD(Fixture, "MALFORMED: what no honest gateway would send, and its id stays free") {
    const auto good = endorsed("Put", "a=1");
    std::vector<std::string> bytes = {"\xff\xff", "", std::string(3u << 20, 'x')};
    const auto bad = [&](auto change) { bytes.push_back(changed(good, change).SerializeAsString()); };
    bad([](auto& r) { r.set_transaction_id(std::string(32, 'x')); });
    bad([](auto& r) { *r.add_writes() = r.writes(0); });  // one key twice
    bad([](auto& r) { r.mutable_writes(0)->set_key(""); });
    bad([](auto& r) { r.mutable_writes(0)->set_key(std::string(331, 'k')); });
    bad([](auto& r) { r.mutable_writes(0)->set_remove(true); });  // a removal with a value
    bad([](auto& r) {
        auto& delta = *r.add_deltas();
        delta.set_key("notes/n");
        delta.set_min(1);  // above max
    });
    bad([](auto& r) { r.add_deltas()->set_key(r.writes(0).key()); });  // written and added to
    bad([](auto& r) { r.add_private_writes()->set_key("notes/~private/x"); });
    bad([](auto& r) { r.add_ranges()->set_limit(100'000); });
    bad([](auto& r) { r.add_events()->set_name("no spaces"); });
    bad([](auto& r) {
        for (int i = 0; i < 257; ++i) r.add_events();
    });
    auto crowded = good;
    for (int i = 0; i < 5; ++i) *crowded.add_endorsements() = good.endorsements(0);
    bytes.push_back(crowded.SerializeAsString());
    auto query = good;
    *query.mutable_signed_proposal() =
        market.propose(alice, "notes", "Put", as_bytes("a=1"), proto::INTENT_QUERY).signed_proposal();
    bytes.push_back(query.SerializeAsString());

    // Too large for check_block, which is a proposer's affair; the validator alone must stand it, too.
    const auto block = market.block_of(bytes);
    const auto done =
        value_of(ledger::validate::Validator(market.shared_channel()).validate(*market.state().snapshot(), block));
    for (std::size_t i = 0; i < done.outcomes.size(); ++i) {
        INFO("transaction " << i << ": " << done.outcomes[i].reason());
        CHECK(done.outcomes[i].code() == proto::MALFORMED);
        CHECK_FALSE(done.outcomes[i].reason().empty());
    }
    CHECK(done.batch.changes.empty());
    CHECK(done.batch.transactions.empty());
    CHECK(commit_one(good).code() == proto::VALID);
}

TEST_CASE_METHOD(Fixture, "TIME_OUT_OF_RANGE: created more than 60 s from the block's time") {
    const auto early = endorsed("Put", "a=1");
    const auto late = endorsed("Put", "b=1");
    market.now += seconds(60);
    CHECK(commit_one(early).code() == proto::VALID);
    market.now += seconds(1);
    CHECK(commit_one(late).code() == proto::TIME_OUT_OF_RANGE);
    CHECK_FALSE(used(late));
    market.now += seconds(100);
    const auto from_the_future = endorsed("Put", "c=1");
    market.now -= seconds(61);
    CHECK(commit_one(from_the_future).code() == proto::TIME_OUT_OF_RANGE);
}

TEST_CASE_METHOD(Fixture, "DUPLICATE_ID: in the same block, and in a later one") {
    const auto transaction = endorsed("Put", "a=1");
    const auto done = market.commit({transaction, transaction});
    CHECK(done.outcomes[0].code() == proto::VALID);
    CHECK(done.outcomes[1].code() == proto::DUPLICATE_ID);
    CHECK(done.outcomes[1].reason() == "used up by block 1, transaction 0");
    const auto again = commit_one(transaction);
    CHECK(again.code() == proto::DUPLICATE_ID);
    CHECK(again.reason() == "used up by block 1, transaction 0");
}

TEST_CASE_METHOD(Fixture, "BAD_CREATOR_SIGNATURE: a proposal that its creator did not sign") {
    auto forged = endorsed("Put", "a=1");
    const Actor mallory;
    const auto proposal = value_of(proto::decode<proto::Proposal>(forged.signed_proposal().proposal()));
    *forged.mutable_signed_proposal() = market.sign(mallory, proposal);
    const auto outcome = commit_one(forged);
    CHECK(outcome.code() == proto::BAD_CREATOR_SIGNATURE);
    CHECK(outcome.reason() == "bad_signature");
    CHECK_FALSE(used(forged));
}

TEST_CASE_METHOD(Fixture, "STALE_CONFIG: endorsed under another epoch") {
    const auto stale = changed(endorsed("Put", "a=1"), [](auto& r) { r.set_config_epoch(7); });
    const auto outcome = commit_one(stale);
    CHECK(outcome.code() == proto::STALE_CONFIG);
    CHECK(mentions(outcome.reason(), "epoch 7"));
    CHECK_FALSE(used(stale));
}

TEST_CASE_METHOD(Fixture, "POLICY_NOT_MET: endorsements count once per organisation, and only good ones") {
    const auto good = endorsed("Put", "a=1");
    const auto same = [](auto&) {};
    const auto two = commit_one(changed(good, same, 2));
    CHECK(two.code() == proto::POLICY_NOT_MET);
    CHECK(two.reason() == "endorsed by 2 organisations, 3 must");

    auto repeated = changed(good, same, 2);
    *repeated.add_endorsements() = repeated.endorsements(0);
    CHECK(commit_one(repeated).code() == proto::POLICY_NOT_MET);

    auto stranger = changed(good, same, 3);
    stranger.mutable_endorsements(2)->set_node("org9-node1");
    CHECK(commit_one(stranger).code() == proto::POLICY_NOT_MET);

    auto other_result = good;
    other_result.set_result(changed(good, [](auto& r) { r.set_response("more"); }).result());
    CHECK(commit_one(other_result).code() == proto::POLICY_NOT_MET);

    auto one_bad_of_four = changed(good, same, 4);
    one_bad_of_four.mutable_endorsements(0)->set_signature(std::string(64, 'x'));
    CHECK(commit_one(one_bad_of_four).code() == proto::VALID);
}

TEST_CASE_METHOD(Fixture, "READ_CONFLICT: names the key and who changed it, in this block or an earlier one") {
    put("a=1");
    const auto stale = endorsed("Copy", "a=b");
    put("a=2");
    const auto outcome = commit_one(stale);
    CHECK(outcome.code() == proto::READ_CONFLICT);
    CHECK(outcome.reason() ==
          "notes/a was changed by block 2, transaction 0, after it was read as of block 1, transaction 0");
    CHECK(get("b") == "(none)");
    CHECK(used(stale));
    CHECK(commit_one(stale).code() == proto::DUPLICATE_ID);

    const auto writer = endorsed("Put", "a=3");
    const auto reader = endorsed("Copy", "a=b");
    const auto done = market.commit({writer, reader});
    CHECK(done.outcomes[1].code() == proto::READ_CONFLICT);
    CHECK(mentions(done.outcomes[1].reason(), id_of(writer)));

    const auto remover = endorsed("Delete", "a");
    const auto loser = endorsed("Copy", "a=b");
    const auto after_removal = market.commit({remover, loser});
    CHECK(after_removal.outcomes[1].code() == proto::READ_CONFLICT);
    CHECK(mentions(after_removal.outcomes[1].reason(), "was removed by transaction " + id_of(remover)));

    const auto hopeful = endorsed("Copy", "new=b");
    put("new=1");
    CHECK(mentions(commit_one(hopeful).reason(), "after it was read as absent"));

    const auto forlorn = endorsed("Copy", "new=b");
    REQUIRE(commit_one(endorsed("Delete", "new")).code() == proto::VALID);
    CHECK(mentions(commit_one(forlorn).reason(), "notes/new is gone"));
}

TEST_CASE_METHOD(Fixture, "a transaction before its rival in the block wins, and blind writes do not conflict") {
    put("a=1");
    const auto reader = endorsed("Copy", "a=b");
    const auto writer = endorsed("Put", "a=2");
    const auto blind = endorsed("Put", "a=3");
    const auto done = market.commit({reader, writer, blind});
    for (const auto& outcome : done.outcomes) CHECK(outcome.code() == proto::VALID);
    CHECK(get("a") == "3");
    CHECK(get("b") == "1");
}

TEST_CASE_METHOD(Fixture, "RANGE_CONFLICT: a phantom in a range that was read, in this block or an earlier one") {
    put("a1=x");
    const auto stale = endorsed("Count", "a=b");
    put("a2=y");
    const auto outcome = commit_one(stale);
    CHECK(outcome.code() == proto::RANGE_CONFLICT);
    CHECK(mentions(outcome.reason(), "notes/a2 by block 2, transaction 0"));

    const auto phantom = endorsed("Put", "a3=z");
    const auto counter = endorsed("Count", "a=b");
    const auto done = market.commit({phantom, counter});
    CHECK(done.outcomes[1].code() == proto::RANGE_CONFLICT);
    CHECK(mentions(done.outcomes[1].reason(), id_of(phantom)));

    const auto unaffected = endorsed("Count", "a=b");
    const auto elsewhere = endorsed("Put", "b=outside");
    const auto fine = market.commit({elsewhere, unaffected});
    CHECK(fine.outcomes[1].code() == proto::VALID);
    CHECK(get("count") == "3");

    const auto before_removal = endorsed("Count", "a=b");
    const auto removal = endorsed("Delete", "a1");
    const auto removed = market.commit({removal, before_removal});
    CHECK(removed.outcomes[1].code() == proto::RANGE_CONFLICT);
}

TEST_CASE_METHOD(Fixture, "GUARD_NOT_MET: block time must be later than one guard and earlier than the other") {
    const auto t = [&](std::int64_t s) {
        return std::to_string(base::to_us(market.now) + static_cast<std::uint64_t>(s * 1'000'000));
    };
    const auto after = endorsed("After", t(5));
    const auto early = commit_one(after);
    CHECK(early.code() == proto::GUARD_NOT_MET);
    CHECK(mentions(early.reason(), "allowed after 2026-01-01T00:00:15"));
    CHECK(used(after));

    const auto exactly = endorsed("After", t(5));
    const auto later = endorsed("After", t(5));
    const auto before = endorsed("Before", t(5));
    const auto in_time = endorsed("Before", t(6));
    market.now += seconds(5);
    CHECK(commit_one(exactly).code() == proto::GUARD_NOT_MET);
    market.now += std::chrono::microseconds(10);
    CHECK(commit_one(later).code() == proto::VALID);
    CHECK(commit_one(before).code() == proto::GUARD_NOT_MET);
    CHECK(commit_one(in_time).code() == proto::VALID);
}

TEST_CASE_METHOD(Fixture, "DELTA_OUT_OF_BOUNDS: all of a transaction's deltas, or none") {
    REQUIRE(commit_one(endorsed("Add", "treasury 100 0 1000")).code() == proto::VALID);
    // Each fits alone and is endorsed alone; together the third does not.
    const auto first = endorsed("Add", "treasury -60 0 1000 alice 60 0 1000");
    const auto second = endorsed("Add", "treasury -40 0 1000 bob 40 0 1000");
    const auto third = endorsed("Add", "carol 60 0 1000 treasury -60 0 1000");
    const auto done = market.commit({first, second, third});
    CHECK(done.outcomes[0].code() == proto::VALID);
    CHECK(done.outcomes[1].code() == proto::VALID);
    CHECK(done.outcomes[2].code() == proto::DELTA_OUT_OF_BOUNDS);
    CHECK(done.outcomes[2].reason() == "notes/treasury: 0 plus -60 is not between 0 and 1000");
    CHECK(integer("treasury") == "0");
    CHECK(integer("alice") == "60");
    CHECK(integer("bob") == "40");
    CHECK(integer("carol") == "0");
    CHECK(used(third));
}

TEST_CASE_METHOD(Fixture, "a delta advances the key's version, so who read the integer is stale") {
    REQUIRE(commit_one(endorsed("Add", "n 5 0 100")).code() == proto::VALID);
    const auto reader = endorsed("Copy", "n=copy");
    const auto adder = endorsed("Add", "n 1 0 100");
    const auto done = market.commit({adder, reader});
    CHECK(done.outcomes[1].code() == proto::READ_CONFLICT);

    put("text=abc");
    auto onto_text = changed(endorsed("Add", "n 1 0 100"), [](auto& r) { r.mutable_deltas(0)->set_key("notes/text"); });
    CHECK(commit_one(onto_text).reason() == "notes/text is not an integer");
    auto overflow = changed(endorsed("Add", "n 1 0 100"), [](auto& r) {
        r.mutable_deltas(0)->set_amount(std::numeric_limits<std::int64_t>::max());
        r.mutable_deltas(0)->set_max(std::numeric_limits<std::int64_t>::max());
    });
    CHECK(commit_one(overflow).code() == proto::DELTA_OUT_OF_BOUNDS);
}

TEST_CASE_METHOD(Fixture, "two validators, one with a pool, give the same bytes for the same block") {
    put("a=1");
    std::vector<proto::Transaction> transactions;
    for (int i = 0; i < 40; ++i) {
        transactions.push_back(endorsed("Copy", "a=copy" + std::to_string(i)));
        transactions.push_back(endorsed("Add", "n 3 0 100"));
        if (i == 20) transactions.push_back(endorsed("Put", "a=2"));
        if (i % 7 == 0) transactions.back().mutable_endorsements(1)->set_signature("junk");
    }
    const auto block = market.block(transactions);
    base::Pool pool(3);
    const auto snapshot = market.state().snapshot();
    const auto alone = value_of(ledger::validate::Validator(market.shared_channel()).validate(*snapshot, block));
    const auto pooled =
        value_of(ledger::validate::Validator(market.shared_channel(), &pool).validate(*snapshot, block));
    CHECK(alone.outcomes_root == pooled.outcomes_root);
    REQUIRE(alone.outcomes.size() == pooled.outcomes.size());
    std::set<int> codes;
    for (std::size_t i = 0; i < alone.outcomes.size(); ++i) {
        CHECK(alone.outcomes[i].SerializeAsString() == pooled.outcomes[i].SerializeAsString());
        codes.insert(alone.outcomes[i].code());
    }
    CHECK(codes ==
          std::set<int>{proto::VALID, proto::POLICY_NOT_MET, proto::READ_CONFLICT, proto::DELTA_OUT_OF_BOUNDS});
    REQUIRE(alone.batch.changes.size() == pooled.batch.changes.size());
    for (std::size_t i = 0; i < alone.batch.changes.size(); ++i) {
        CHECK(alone.batch.changes[i].key == pooled.batch.changes[i].key);
        CHECK(alone.batch.changes[i].value == pooled.batch.changes[i].value);
        CHECK(alone.batch.changes[i].version == pooled.batch.changes[i].version);
    }
}

TEST_CASE_METHOD(Fixture, "the validator takes only the block after its state") {
    const auto first = market.block({});
    put("a=1");
    const auto result =
        ledger::validate::Validator(market.shared_channel()).validate(*market.state().snapshot(), first);
    REQUIRE_FALSE(result);
    CHECK(result.error().code == "wrong_height");
}
