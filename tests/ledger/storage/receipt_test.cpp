#include <catch2/catch.hpp>

#include "ledger/receipt/receipt.hpp"
#include "tests/ledger/storage/stored_chain.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using ledger::receipt::make_receipt;
using ledger::receipt::make_receipt_at;
using ledger::receipt::verify_receipt;

namespace {

crypto::Hash id_of(const proto::Transaction& transaction) {
    return proto::transaction_id(transaction.signed_proposal());
}

struct Fixture : StoredChain {
    Bytes receipt_of(const proto::Transaction& transaction) {
        return proto::encode(value_of(make_receipt(*blocks, *market.state().snapshot(), id_of(transaction))));
    }
    template <typename Change>
    std::string refusal(const Bytes& receipt, Change change) {
        auto changed = value_of(proto::decode<proto::Receipt>(receipt));
        change(changed);
        const auto verified = verify_receipt(market.shared_channel(), proto::encode(changed));
        return verified ? "verified" : verified.error().code;
    }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "every transaction of a block of any size has a receipt that the genesis file verifies") {
    for (const std::size_t count : {1u, 2u, 3u, 5u, 8u}) {
        std::vector<proto::Transaction> transactions;
        for (std::size_t i = 0; i < count; ++i) transactions.push_back(put("key" + std::to_string(i) + "=v"));
        commit(transactions);
        const auto height = market.parent().height;
        const auto time_us = market.parent().time_us;
        commit({});
        for (const auto& transaction : transactions) {
            const auto proven = value_of(verify_receipt(market.shared_channel(), receipt_of(transaction)));
            CHECK(proven.id == id_of(transaction));
            CHECK(proven.outcome.code() == proto::VALID);
            CHECK(proven.height == height);
            CHECK(proven.time_us == time_us);
            CHECK(proven.transaction.SerializeAsString() == transaction.SerializeAsString());
            CHECK(proven.proposal.function() == "Put");
        }
    }
}

TEST_CASE_METHOD(Fixture, "a receipt whose any byte is changed does not verify") {
    const auto transaction = put("a=1");
    commit({put("b=1"), put("c=1"), transaction});
    commit({});
    const auto receipt = receipt_of(transaction);
    REQUIRE(verify_receipt(market.shared_channel(), receipt));
    for (std::size_t i = 0; i < receipt.size(); ++i) {
        for (const std::uint8_t flip : {0x01, 0x80, 0xff}) {
            auto changed = receipt;
            changed[i] ^= flip;
            INFO("byte " << i << " of " << receipt.size() << " ^ " << int(flip));
            REQUIRE_FALSE(verify_receipt(market.shared_channel(), changed));
        }
    }
    auto longer = receipt;
    longer.push_back(0);
    CHECK_FALSE(verify_receipt(market.shared_channel(), longer));
    CHECK_FALSE(verify_receipt(market.shared_channel(), ByteView(receipt).first(receipt.size() - 1)));
    CHECK_FALSE(verify_receipt(market.shared_channel(), {}));
}

TEST_CASE_METHOD(Fixture, "a receipt says no more than what was decided") {
    const auto paid = put("a=1");
    const auto other = put("b=1");
    commit({paid, other});
    commit({});
    const auto receipt = receipt_of(paid);
    const auto others = value_of(proto::decode<proto::Receipt>(receipt_of(other)));

    CHECK(refusal(receipt, [&](auto& r) { r.set_outcome(others.outcome()); }) == "bad_receipt");
    CHECK(refusal(receipt, [&](auto& r) { r.set_transaction(others.transaction()); }) == "bad_receipt");
    CHECK(refusal(receipt, [](auto& r) { r.set_siblings_on_the_left(r.siblings_on_the_left() ^ 1); }) == "bad_receipt");
    CHECK(refusal(receipt, [](auto& r) { r.set_siblings_on_the_left(r.siblings_on_the_left() | 2); }) == "bad_receipt");
    CHECK(refusal(receipt, [](auto& r) { r.add_outcome_path(std::string(32, 'x')); }) == "bad_receipt");
    CHECK(refusal(receipt, [](auto& r) {
              for (int i = 0; i < 64; ++i) {
                  r.add_transaction_path(std::string(32, 'x'));
                  r.add_outcome_path(std::string(32, 'x'));
              }
          }) == "bad_receipt");
    CHECK(refusal(receipt, [](auto& r) { r.set_next_header(r.header()); }) == "bad_receipt");
    CHECK(refusal(receipt, [](auto& r) { r.clear_certificate(); }) == "bad_certificate");
    CHECK(refusal(receipt, [](auto& r) {  // one COMMIT less than a quorum
              auto certificate = value_of(proto::decode<proto::CommitCertificate>(r.certificate()));
              certificate.mutable_commits()->RemoveLast();
              r.set_certificate(certificate.SerializeAsString());
          }) == "bad_certificate");
    CHECK(refusal(receipt, [](auto& r) {  // one member twice
              auto certificate = value_of(proto::decode<proto::CommitCertificate>(r.certificate()));
              *certificate.mutable_commits(2) = certificate.commits(0);
              r.set_certificate(certificate.SerializeAsString());
          }) == "bad_certificate");
    CHECK(refusal(receipt, [](auto& r) {  // a number written long
              r.set_certificate(r.certificate() + std::string("\x08\x81\x80\x00", 4));
          }) == "bad_receipt");
    const Consortium elsewhere({.organisations = 4}, {notes_contract()});
    CHECK(verify_receipt(elsewhere.shared_channel(), receipt).error().code == "bad_certificate");
}

TEST_CASE_METHOD(Fixture, "refused transactions have receipts too, and what used up no id has none") {
    const auto stale = value_of(market.endorse(alice, "notes", "Copy", as_bytes("a=copied")));
    auto unsigned_one = put("x=1");
    unsigned_one.mutable_signed_proposal()->set_signature(std::string(64, 's'));
    commit({put("a=1"), unsigned_one, stale});
    commit({});
    const auto proven = value_of(verify_receipt(market.shared_channel(), receipt_of(stale)));
    CHECK(proven.outcome.code() == proto::READ_CONFLICT);
    CHECK(proven.outcome.reason().find("notes/a") != std::string::npos);

    const auto snapshot = market.state().snapshot();
    CHECK(make_receipt(*blocks, *snapshot, id_of(unsigned_one)).error().code == "not_found");
    const auto placed = value_of(make_receipt_at(*blocks, *snapshot, {market.parent().height - 1, 1}));
    CHECK(value_of(verify_receipt(market.shared_channel(), proto::encode(placed))).outcome.code() ==
          proto::BAD_CREATOR_SIGNATURE);
    CHECK(make_receipt_at(*blocks, *snapshot, {market.parent().height - 1, 3}).error().code == "not_found");
}

TEST_CASE_METHOD(Fixture, "there is no receipt before the next block carries the outcomes") {
    const auto transaction = put("a=1");
    commit({transaction});
    const auto early = make_receipt(*blocks, *market.state().snapshot(), id_of(transaction));
    REQUIRE_FALSE(early);
    CHECK(early.error().code == "not_sealed");
}
