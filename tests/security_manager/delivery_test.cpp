// What buyers sign for: receipts at an operator, what it keeps of them, and what it brings to the ledger.

#include <catch2/catch.hpp>

#include "base/encoding.hpp"
#include "base/file.hpp"
#include "ledger/proto/wire.hpp"
#include "security_manager/service/account_store.hpp"
#include "tests/security_manager/fixtures.hpp"
#include "tests/support/delivery_receipt.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using namespace std::chrono_literals;
using service::DeliveryBook;
namespace client = security_manager::client;

namespace {

const TimePoint t0 = base::from_us(1'763'690'000'000'000);
using Served = std::vector<std::pair<std::string, std::vector<gate::SequenceRange>>>;

struct Buyer {
    SigningKey key = SigningKey::generate();

    service::ReceiptTerms terms(std::uint32_t window = 10) const {
        return {.grant = "delta",
                .purchase = "purchase-1",
                .holder = key.public_key(),
                .operators = {"op1", "op2"},
                .first = 1,
                .last = 1000,
                .window = window};
    }
    schema::DownloadDataStreamRequest sign(std::uint64_t counter, const Served& served,
                                           const std::string& purchase = "purchase-1") const {
        const auto signature = [&](std::string_view type, const std::string& what) {
            return base::to_string(key.sign(identity::crypto::signing_input(type, kNetwork, as_bytes(what))));
        };
        schema::DownloadDataStreamRequest out;
        out.set_grant("delta");
        out.set_token_signature(signature("download-token/v1", "delta"));
        out.mutable_receipt()->set_receipt(delivery_receipt(purchase, counter, served).SerializeAsString());
        out.mutable_receipt()->set_signature(signature("delivery-receipt/v1", out.receipt().receipt()));
        return out;
    }
    std::string refusal(DeliveryBook& book, const schema::DownloadDataStreamRequest& request) const {
        const auto taken = book.accept(terms(), request, t0 + 1h, t0);
        return taken ? "taken" : taken.error().code;
    }
};

}  // namespace

TEST_CASE("delivery book: a receipt is signed by the buyer, for what was bought, and only ever grows") {
    const Buyer buyer;
    DeliveryBook book(kNetwork, {});
    const auto refusal = [&](const auto& request) { return buyer.refusal(book, request); };
    CHECK(refusal(buyer.sign(0, {{"op1", {{1, 5}}}})) == "bad_receipt");
    CHECK(refusal(buyer.sign(1, {})) == "bad_receipt");
    CHECK(refusal(buyer.sign(1, {{"op1", {}}})) == "bad_receipt");
    CHECK(refusal(buyer.sign(1, {{"op3", {{1, 5}}}})) == "operator_not_drawn");
    CHECK(refusal(buyer.sign(1, {{"op1", {{1, 5}}}, {"op1", {{6, 7}}}})) == "bad_receipt");
    CHECK(refusal(buyer.sign(1, {{"op1", {{1, 5}}}, {"op2", {{5, 7}}}})) == "bad_receipt");
    CHECK(refusal(buyer.sign(1, {{"op1", {{5, 9}, {1, 2}}}})) == "bad_receipt");
    CHECK(refusal(buyer.sign(1, {{"op1", {{1, 1001}}}})) == "bad_receipt");
    CHECK(refusal(buyer.sign(1, {{"op1", {{1, 5}}}}, "another purchase")) == "foreign_receipt");
    auto forged = buyer.sign(1, {{"op1", {{1, 5}}}});
    forged.mutable_receipt()->set_signature(Buyer().sign(1, {{"op1", {{1, 5}}}}).receipt().signature());
    CHECK(refusal(forged) == "bad_receipt");
    forged = buyer.sign(1, {{"op1", {{1, 5}}}});
    forged.set_token_signature(Buyer().sign(1, {}).token_signature());
    CHECK(refusal(forged) == "bad_receipt");
    CHECK(book.newest("purchase-1") == nullptr);

    const auto first = buyer.sign(3, {{"op1", {{1, 5}}}, {"op2", {{6, 8}}}});
    CHECK(refusal(first) == "taken");
    CHECK(refusal(first) == "taken");  // the same again
    CHECK(refusal(buyer.sign(3, {{"op1", {{1, 5}}}})) == "stale_receipt");
    CHECK(refusal(buyer.sign(4, {{"op1", {{1, 9}}}})) == "bad_receipt");  // takes op2's back
    CHECK(refusal(buyer.sign(4, {{"op1", {{1, 5}, {9, 9}}}, {"op2", {{6, 8}}}})) == "taken");
    CHECK(book.account("purchase-1")->covered().entries() == 9);
}

TEST_CASE("delivery book: what was served and receipted outlives a restart") {
    const TemporaryFolder folder;
    const Buyer buyer;
    {
        DeliveryBook book(kNetwork, {});
        CHECK(book.reach("purchase-1", 10, 1, 100) == 10);
        book.serve("purchase-1", 1, 10, t0 + 1h);
        book.serve("purchase-2", 1, 3, t0 + 1h);
        REQUIRE(book.accept(buyer.terms(), buyer.sign(2, {{"op1", {{1, 4}}}}), t0 + 1h, t0));
        const auto store = service::AccountStore::open(folder / "accounts").value();
        REQUIRE(store.write(book.take_changed()));
        CHECK(book.take_changed().empty());
    }
    DeliveryBook book(kNetwork, {});
    const auto store = service::AccountStore::open(folder / "accounts").value();
    REQUIRE(base::write_file(folder.path() / "accounts" / "nonsense", to_bytes("nonsense")));
    store.restore(book, t0);
    CHECK(book.reach("purchase-1", 10, 1, 100) == 14);
    CHECK(book.reach("purchase-1", 10, 15, 100) == 18);  // four more than the six that no receipt covers
    CHECK(book.account("purchase-2")->served().entries() == 3);
    CHECK(buyer.refusal(book, buyer.sign(2, {{"op1", {{1, 5}}}})) == "stale_receipt");

    book.expire(t0 + 2h);
    CHECK(book.account("purchase-2") == nullptr);
    CHECK(book.account("purchase-1") != nullptr);  // its receipt is not redeemed
    REQUIRE(store.write(book.take_changed()));
    DeliveryBook last(kNetwork, {});
    store.restore(last, t0);
    CHECK(last.account("purchase-2") == nullptr);
}

TEST_CASE(
    "delivery book: a receipt that the buyer does not hand in is redeemed once, later ones again, refusals patiently") {
    const Buyer buyer;
    DeliveryBook book(kNetwork, {});
    REQUIRE(book.accept(buyer.terms(), buyer.sign(1, {{"op1", {{1, 4}}}}), t0 + 1h, t0));
    CHECK(book.due(t0 + 59s, 10).empty());  // the buyer may go on
    const auto due = book.due(t0 + 60s, 10);
    REQUIRE(due.size() == 1);
    CHECK(due[0].counter == 1);
    CHECK(due[0].request.grant() == "delta");
    CHECK(book.due(t0 + 61s, 10).empty());  // under way
    book.redeemed("purchase-1", 1, fail("unreachable", "the node is away"), t0 + 62s);
    CHECK(book.due(t0 + 71s, 10).empty());
    CHECK(book.due(t0 + 72s, 10).size() == 1);
    book.redeemed("purchase-1", 1, fail("not_recorded", "the seller has not recorded the batch"), t0 + 73s);
    CHECK(book.due(t0 + 92s, 10).empty());
    CHECK(book.due(t0 + 93s, 10).size() == 1);  // what was signed for is not let go
    book.redeemed("purchase-1", 1, fail("nothing_new", "the buyer was faster"), t0 + 94s);
    CHECK(book.due(t0 + 1h, 10).empty());

    // One that keeps coming is redeemed now and then.
    for (int i = 2; i <= 100; ++i) {
        REQUIRE(book.accept(buyer.terms(), buyer.sign(static_cast<std::uint64_t>(i), {{"op1", {{1, 4}, {6, 6}}}}),
                            t0 + 1h, t0 + 1h + i * 10s));
        const auto now = book.due(t0 + 1h + i * 10s, 10);
        CHECK(now.size() == (i == 62 ? 1u : 0u));
        if (!now.empty()) book.redeemed("purchase-1", now[0].counter, {}, t0 + 1h + i * 10s);
    }
}

TEST_CASE("delivery book: a receipt is redeemed when the ledger accounts for all its entries") {
    const Buyer buyer;
    schema::DeliveryReceipt receipt;
    REQUIRE(receipt.ParseFromString(buyer.sign(1, {{"op1", {{1, 4}}}, {"op2", {{6, 9}}}}).receipt().receipt()));
    CHECK(service::check_accounted(receipt, 9));
    CHECK(service::check_accounted(receipt, 8).error().code == "not_recorded");
    CHECK(service::check_accounted(receipt, 0).error().code == "not_recorded");
}

TEST_CASE("service: receipts are posted to a session, kept, answered, and redeemed when the buyer is silent") {
    service::ServiceConfig config;
    config.deliveries.redeem_after = 0s;
    TestDaemon daemon(config);
    const Buyer buyer;
    auto reply = make_grant(schema::DOWNLOAD, buyer.key, "delta", "purchase-1");
    reply.mutable_grant()->set_receipt_window(5);
    daemon.grants.put(reply);
    auto http = daemon.client();
    const auto session = client::open_session(http, daemon.request("delta"), buyer.key, base::wall_now());
    REQUIRE(session);
    const auto reach = [&](std::uint64_t first) {
        return on_loop(daemon.loop, [&] {
            const auto& held = *daemon.manager->find(*gate::session_id_from_text(session->id));
            const auto end = daemon.manager->reach(held, first, 10);
            return end ? std::to_string(*end) : end.error().code;
        });
    };
    CHECK(reach(1) == "5");
    on_loop(daemon.loop, [&] {
        daemon.manager->meter(*gate::session_id_from_text(session->id), 1, 5);
        return 0;
    });
    CHECK(reach(6) == "receipt_wanted");
    CHECK(reach(2) == "5");

    const std::string url = daemon.url() + "/v1/sessions/" + session->id + "/receipts";
    const auto post = [&](const schema::DownloadDataStreamRequest& request) {
        const auto field = [](const std::string& bytes) { return base::to_base64(as_bytes(bytes)); };
        const std::string body = R"({"receipt":")" + field(request.receipt().receipt()) + R"(","signature":")" +
                                 field(request.receipt().signature()) + R"(","token_signature":")" +
                                 field(request.token_signature()) + "\"}";
        return http.request("POST", url, {{"content-type", "application/json"}}, body, 60s).value();
    };
    CHECK(post(Buyer().sign(1, {{"op1", {{1, 4}}}})).status == 400);
    const auto taken = post(buyer.sign(1, {{"op1", {{1, 4}}}}));
    CHECK(taken.status == 200);
    CHECK(taken.body.find("\"entries\":4,\"ahead\":1") != std::string::npos);
    CHECK(reach(6) == "9");
    CHECK(post(buyer.sign(1, {{"op1", {{1, 5}}}})).status == 409);
    CHECK(http.request("POST", url, {}, "{}", 60s)->status == 400);
    const auto read = http.request("GET", url, {}, {}, 60s).value();
    CHECK(read.body.find("\"counter\":1") != std::string::npos);
    const std::string other = daemon.url() + "/v1/sessions/" + std::string(32, 'a') + "/receipts";
    CHECK(http.request("GET", other, {}, {}, 60s)->status == 404);

    REQUIRE(eventually([&] { return daemon.grants.redeemed().size() == 1; }));
    CHECK(daemon.grants.redeemed()[0].receipt().receipt() == buyer.sign(1, {{"op1", {{1, 4}}}}).receipt().receipt());
    CHECK(post(buyer.sign(2, {{"op1", {{1, 6}}}})).status == 200);
    REQUIRE(eventually([&] { return daemon.grants.redeemed().size() == 2; }));  // and the first not once more
}

TEST_CASE("service: a window's session says its time and W") {
    TestDaemon daemon;
    const Buyer buyer;
    auto reply = make_grant(schema::DOWNLOAD, buyer.key, "delta", "purchase-1", 0, UINT64_MAX);
    reply.mutable_grant()->set_from_us(1000);
    reply.mutable_grant()->set_until_us(2000);
    reply.mutable_grant()->set_receipt_window(1000);
    daemon.grants.put(reply);
    auto http = daemon.client();
    const auto session = client::open_session(http, daemon.request("delta"), buyer.key, base::wall_now());
    REQUIRE(session);
    const auto held =
        on_loop(daemon.loop, [&] { return *daemon.manager->find(*gate::session_id_from_text(session->id)); });
    CHECK(held.from_us == 1000);
    CHECK(held.until_us == 2000);
    CHECK(held.receipt_window == 1000);
}
