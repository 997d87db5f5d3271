// What was checked when it was admitted is not checked again in its block, and nothing else is spared.
#include "ledger/validate/checked_before.hpp"

#include <catch2/catch.hpp>

#include "base/pool.hpp"
#include "tests/ledger/validate/notes.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using ledger::validate::CheckedBefore;
using ledger::validate::CheckedTransaction;
using namespace std::chrono_literals;

namespace {

struct Fixture {
    Consortium market{{.organisations = 4}, {notes_contract()}};
    Actor alice;
    CheckedBefore before;

    Bytes endorsed(const Actor& actor, const std::string& arguments) {
        return proto::encode(value_of(market.endorse(actor, "notes", "Put", as_bytes(arguments))));
    }
    CheckedTransaction check(ByteView bytes) const {
        auto checked = ledger::validate::check_form(market.channel(), bytes, market.now);
        checked.signatures = ledger::validate::verify_signatures(market.channel(), checked, market.now);
        REQUIRE(checked.form.valid());
        REQUIRE(checked.signatures.valid());
        return checked;
    }
    void keep(const Bytes& bytes, CheckedBefore& in) { in.keep(bytes, market.shared_channel(), check(bytes)); }
    void keep(const Bytes& bytes) { keep(bytes, before); }
    auto take(const Bytes& bytes, TimePoint at) {
        return before.take(crypto::merkle_leaf(bytes), market.channel(), at);
    }
    ledger::validate::BlockResult validate(const proto::Block& block, CheckedBefore* known) {
        return value_of(ledger::validate::Validator(market.shared_channel(), nullptr, known)
                            .validate(*market.state().snapshot(), block));
    }
    proto::Block block_of(const std::vector<Bytes>& transactions) {
        std::vector<std::string> texts;
        for (const auto& bytes : transactions) texts.push_back(proto::as_field(bytes));
        return market.block_of(texts);
    }
};

}  // namespace

TEST_CASE_METHOD(Fixture,
                 "a block's outcomes are the same with and without what was checked before, signatures spared") {
    std::vector<Bytes> all;
    for (int i = 0; i < 5; ++i) all.push_back(endorsed(alice, "k" + std::to_string(i) + "=1"));
    all.push_back(endorsed(alice, "k0=2"));
    all.push_back(all[1]);  // twice: the second is a duplicate, and is checked as a stranger
    all.push_back(Bytes{0xff});
    const auto block = block_of(all);
    const auto fresh = validate(block, nullptr);
    for (std::size_t i = 0; i < 6; ++i) keep(all[i]);
    const auto spared = validate(block, &before);
    CHECK(spared.outcomes_root == fresh.outcomes_root);
    CHECK(spared.batch.changes.size() == fresh.batch.changes.size());
    CHECK(spared.outcomes.at(6).code() == proto::DUPLICATE_ID);
    CHECK(spared.outcomes.at(7).code() == proto::MALFORMED);
    for (std::size_t i = 0; i < 6; ++i) CHECK_FALSE(before.bytes_of(crypto::merkle_leaf(all[i])));  // its work is done
}

TEST_CASE_METHOD(Fixture, "a transaction that differs in one bit is a stranger") {
    const auto good = endorsed(alice, "a=1");
    keep(good);
    auto forged = value_of(proto::decode<proto::Transaction>(good));
    (*forged.mutable_endorsements(0)->mutable_signature())[5] ^= 1;
    (*forged.mutable_signed_proposal()->mutable_signature())[5] ^= 1;
    CHECK_FALSE(take(proto::encode(forged), market.now));
    CHECK(validate(block_of({proto::encode(forged)}), &before).outcomes.at(0).code() == proto::BAD_CREATOR_SIGNATURE);
    CHECK(take(good, market.now));
}

TEST_CASE_METHOD(Fixture, "the creation time is judged by the block's time, not by the one of admission") {
    const auto bytes = endorsed(alice, "a=1");
    keep(bytes);
    const auto late = take(bytes, market.now + 61s);
    REQUIRE(late);
    CHECK(late->form.code == proto::TIME_OUT_OF_RANGE);
    keep(bytes);
    market.now += 61s;
    const auto block = block_of({bytes});
    CHECK(validate(block, &before).outcomes_root == validate(block, nullptr).outcomes_root);
}

TEST_CASE_METHOD(Fixture, "what hangs on a certificate, or on the channel config, is checked again") {
    const auto member = market.member(0, msp::Role::kOperator, "clerk");
    const auto bytes = endorsed(member, "a=1");
    keep(bytes);
    CHECK(before.bytes_of(crypto::merkle_leaf(bytes)));  // but need not be sent again
    CHECK_FALSE(take(bytes, market.now));

    const auto other = endorsed(alice, "b=1");
    keep(other);
    const auto same_config = value_of(ledger::contract::Channel::make(market.config_bytes()));
    CHECK_FALSE(before.take(crypto::merkle_leaf(other), *same_config, market.now));
}

TEST_CASE_METHOD(Fixture, "the oldest are forgotten when there is no more room") {
    std::vector<Bytes> all;
    for (int i = 0; i < 4; ++i) all.push_back(endorsed(alice, "k" + std::to_string(i) + "=1"));
    const auto held = [&](const CheckedBefore& in) {
        std::string out;
        for (const auto& bytes : all) out += in.bytes_of(crypto::merkle_leaf(bytes)) ? '1' : '0';
        return out;
    };
    CheckedBefore by_count({.count = 2, .bytes = 1u << 20});
    CheckedBefore by_bytes({.count = 10, .bytes = all[2].size() + all[3].size()});
    for (const auto& bytes : all) {
        keep(bytes, by_count);
        keep(bytes, by_bytes);
    }
    CHECK(held(by_count) == "0011");
    CHECK(held(by_bytes) == "0011");
    keep(all[3], by_count);  // the same again takes no more room
    CHECK(held(by_count) == "0011");
}
