// What the command line shows of the ledger's records: as REST shows them, under its own names for what is "id" there.

#include "marketplace_dapp/cli/render.hpp"

#include <catch2/catch.hpp>
#include <set>

#include "marketplace_dapp/client/record_json.hpp"

using namespace fairstream;
using namespace fairstream::marketplace_dapp;
namespace schema = chaincode::schema;
namespace json = boost::json;

namespace {

/// All of `record`, but for what has another name or another form there.
void check_holds(const json::object& shown, const json::object& record, const std::set<std::string>& but) {
    for (const auto& member : record) {
        if (but.contains(std::string(member.key()))) continue;
        INFO(member.key());
        REQUIRE(shown.contains(member.key()));
        CHECK(shown.at(member.key()) == member.value());
    }
}

schema::Batch batch() {
    schema::Batch out;
    out.set_number(3);
    out.set_name("week 12");
    out.set_merkle_root("\x01\xff");
    return out;
}

}  // namespace

TEST_CASE("the command line shows an offer and a batch as REST does, and says `offer` and `batch` for what they are") {
    schema::Offer offer;
    offer.set_id("0a");
    offer.set_seller_trust(623'076);
    offer.set_batches(2);
    offer.mutable_draft()->set_window_s(60);
    offer.mutable_draft()->add_tags("steam");
    offer.mutable_draft()->mutable_terms()->set_licence(R"({"uid": "urn:x"})");
    offer.mutable_draft()->mutable_place()->set_latitude_e7(495'000'000);
    const auto shown = cli::to_json(offer);
    check_holds(shown, client::to_json(offer), {"id"});
    CHECK(shown.begin()->key() == "offer");
    CHECK(shown.at("offer") == "0a");
    CHECK_FALSE(shown.contains("id"));
    CHECK(shown.at("seller_trust") == 623'076);
    CHECK(shown.at("batches") == 2);
    CHECK(shown.at("window_s") == 60);
    CHECK(shown.at("place").at("latitude") == 49.5);
    CHECK(shown.at("terms").at("licence").at("uid") == "urn:x");

    const auto stored = cli::to_json(batch());
    check_holds(stored, client::to_json(batch()), {"number"});
    CHECK(stored.at("batch") == 3);
    CHECK(stored.at("merkle_root") == "01ff");
}

TEST_CASE("a purchase is shown with how it stands on the ledger, and with its batch or its window") {
    schema::Purchase purchase;
    purchase.set_id("0b");
    purchase.set_state(schema::DELIVERING);
    purchase.set_paid_micro(7);
    purchase.mutable_deadlines()->set_refund_us(1'000'000);
    *purchase.mutable_batch() = batch();
    const auto of_batch = cli::to_json(purchase);
    check_holds(of_batch, client::to_json(purchase), {"id", "batch"});
    CHECK(of_batch.at("purchase") == "0b");
    CHECK(of_batch.at("state") == "delivering");
    CHECK(of_batch.at("paid_micro") == 7);
    CHECK(of_batch.at("refund_deadline") == "1970-01-01T00:00:01.000000Z");
    CHECK(of_batch.at("batch").at("batch") == 3);

    purchase.clear_batch();
    purchase.mutable_window()->set_count(2);
    purchase.set_renewed_by("0c");
    const auto of_time = cli::to_json(purchase);
    CHECK_FALSE(of_time.contains("batch"));
    CHECK(of_time.at("window").at("count") == 2);
    CHECK(of_time.at("window").at("after") == "");
    CHECK(of_time.at("renewed_by") == "0c");
}
