#include <catch2/catch.hpp>

#include <random>

#include "chaincode/schema/names.hpp"
#include "tests/chaincode/live_market.hpp"

namespace fairstream::chaincode::tests {

namespace names = schema::names;

namespace {

const std::vector<std::pair<std::string, std::vector<std::string>>> kFunctions = {
    {names::contract::kGovernance, {names::governance::kApprove}},
    {names::contract::kCredits,
     {names::credits::kMint, names::credits::kTransfer, names::credits::kFaucet, names::credits::kBalance,
      names::credits::kHold, names::credits::kPay, names::credits::kAudit}},
    {names::contract::kActors,
     {names::actors::kTrustIssuer, names::actors::kListIssuers, names::actors::kRegisterAndVerifySeller,
      names::actors::kRegisterAndVerifyClient, names::actors::kGetActor, names::actors::kListActors,
      names::actors::kSetStanding, names::actors::kGetStanding}},
    {names::contract::kSecurityManager,
     {names::security_manager::kRegisterOperator, names::security_manager::kSetEndpoints,
      names::security_manager::kListOperators, names::security_manager::kCreateGrant,
      names::security_manager::kDrawOperators, names::security_manager::kGetGrant,
      names::security_manager::kRevokeGrant, names::security_manager::kGetPlacement,
      names::security_manager::kUploadDataStream, names::security_manager::kGetUpload,
      names::security_manager::kDownloadDataStream}},
    {names::contract::kCustody,
     {names::custody::kDeal, names::custody::kGetDealing, names::custody::kRelease, names::custody::kGetReleaseTask,
      names::custody::kGetReleases, names::custody::kCountReleases}},
    {names::contract::kMarketplace,
     {names::marketplace::kConfigure, names::marketplace::kGetSettings, names::marketplace::kCreateOffer,
      names::marketplace::kGetOffer, names::marketplace::kGetStream, names::marketplace::kListBatches,
      names::marketplace::kListOffers, names::marketplace::kRequestUploadToken,
      names::marketplace::kRecordStreamDetails, names::marketplace::kOpenKeyEpoch, names::marketplace::kListKeyEpochs,
      names::marketplace::kGetKeyEpoch, names::marketplace::kListWindows, names::marketplace::kRequestDownloadToken,
      names::marketplace::kGetPurchase, names::marketplace::kGetPurchaseRecord, names::marketplace::kListPurchases,
      names::marketplace::kSettle, names::marketplace::kRefund}},
    {names::contract::kTrust,
     {names::trust::kConfigure, names::trust::kGetSettings, names::trust::kRate, names::trust::kReveal,
      names::trust::kListRatings, names::trust::kSealEpoch, names::trust::kComputeEpoch, names::trust::kGetEpoch,
      names::trust::kGetScore}},
};

/// Bytes that are nothing, and bytes that look like a message: fields of any number and kind, with ids, DIDs, keys and
/// numbers at their limits in them, and messages in messages.
class Noise {
public:
    Noise(std::uint64_t seed, std::vector<std::string> words) : random_(seed), words_(std::move(words)) {}

    std::uint64_t pick(std::uint64_t low, std::uint64_t high) {
        return std::uniform_int_distribution<std::uint64_t>(low, high)(random_);
    }
    std::string bytes(std::size_t most) {
        std::string out(pick(0, most), '\0');
        for (char& c : out) c = static_cast<char>(pick(0, 255));
        return out;
    }
    std::string arguments() {
        if (pick(0, 5) == 0) return bytes(300);
        auto out = message(3);
        if (pick(0, 3) == 0) out.resize(pick(0, out.size()));
        return out;
    }

private:
    static void varint(std::string& out, std::uint64_t value) {
        for (; value > 0x7f; value >>= 7) out.push_back(static_cast<char>(0x80 | (value & 0x7f)));
        out.push_back(static_cast<char>(value));
    }
    std::uint64_t number() {
        static constexpr std::uint64_t kLimits[] = {
            0, 1, 2, 1'000'000, std::uint64_t{1} << 40, INT64_MAX, std::uint64_t{1} << 63, UINT64_MAX, UINT32_MAX};
        return pick(0, 2) == 0 ? pick(0, UINT64_MAX) : kLimits[pick(0, std::size(kLimits) - 1)];
    }
    std::string text(int depth) {
        switch (pick(0, 4)) {
            case 0:
                return bytes(80);
            case 1:
                return depth > 0 ? message(depth - 1) : std::string();
            case 2:
                return std::string(pick(0, 300), 'a');
            default:
                return words_[pick(0, words_.size() - 1)];
        }
    }
    std::string message(int depth) {
        std::string out;
        for (auto fields = pick(0, 8); fields > 0; --fields) {
            const bool is_text = pick(0, 1) == 0;
            varint(out, pick(1, 16) << 3 | (is_text ? 2 : 0));
            if (!is_text) {
                varint(out, number());
                continue;
            }
            const auto inner = text(depth);
            varint(out, inner.size());
            out += inner;
        }
        return out;
    }

    std::mt19937_64 random_;
    std::vector<std::string> words_;
};

}  // namespace

TEST_CASE("no argument by anyone makes a contract throw, make money or hang") {
    LiveMarket market;
    const auto buyer = market.client_with(100 * kCredit);
    market.open(1);
    const auto window = market.buy_time(buyer, 1).value();
    const auto batches = market.create_offer(market.seller, kCredit, {}, "city/batch").value();
    market.sell(market.seller, batches, 3);
    const auto purchase = market.buy(buyer, batches, "request-0000000002").value();
    const auto& member = market.chain.organisations()[0];
    auto nobody = new_actor();
    nobody.did = "did:key:zNobody";
    const std::vector<Who> callers = {buyer,       market.seller, market.operators["op1"], new_actor(),
                                      member.node, member.admin,  member.observer,         nobody};
    std::vector<std::string> words = {"",
                                      "market",
                                      "faucet",
                                      "stream",
                                      "one-off",
                                      "city/noise",
                                      "org:org1/admin",
                                      "op1",
                                      buyer.did,
                                      market.seller.did,
                                      market.offer.id(),
                                      batches.id(),
                                      market.offer.stream_id(),
                                      market.token.grant(),
                                      window.id(),
                                      window.grant(),
                                      purchase.id(),
                                      purchase.grant(),
                                      purchase.public_key(),
                                      "request-0000000003",
                                      std::string(32, 'a'),
                                      std::string(32, '\0'),
                                      std::string(33, '\2'),
                                      "\xff\xfe",
                                      "~private/",
                                      "../.."};
    Noise noise(20'261'126, words);
    const auto before = market.chain.audit();
    int answered = 0;
    for (const auto& [contract, functions] : kFunctions)
        for (const auto& function : functions)
            for (int i = 0; i < 60; ++i) {
                const auto& who = callers[noise.pick(0, callers.size() - 1)];
                const auto arguments = noise.arguments();
                const auto private_inputs = noise.pick(0, 3) == 0 ? noise.bytes(100) + "x" : std::string();
                INFO(contract << "." << function << " " << i);
                CHECK_NOTHROW([&] {
                    const auto endorsed =
                        market.chain.endorse(who, contract, function, as_bytes(arguments), as_bytes(private_inputs));
                    // What is answered must be said by all endorsers alike.
                    CHECK((endorsed.has_value() || endorsed.error().code != "endorsers_differ"));
                    CHECK((endorsed.has_value() || !endorsed.error().code.empty()));
                    if (endorsed) ++answered;
                    static_cast<void>(market.chain.query(who, contract, function, as_bytes(arguments)));
                }());
            }
    CHECK(answered > 0);
    CHECK(market.chain.audit().SerializeAsString() == before.SerializeAsString());
}

}  // namespace fairstream::chaincode::tests
