#include "tests/chaincode/random_market.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "chaincode/schema/names.hpp"

namespace fairstream::chaincode::tests {

namespace names = schema::names;
namespace proto = ledger::proto;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kThreshold = 3;  // of the custodians
constexpr std::size_t kMostPurchases = 30;

std::string id_of(const Who& who, const Chain& chain) {
    if (!who.did.empty()) return who.did;
    for (const auto& organisation : chain.organisations())
        if (organisation.admin.certificate == who.certificate) return "org:" + organisation.name + "/admin";
    return "a member";
}

}  // namespace

RandomMarket::RandomMarket(std::uint64_t seed) : random_(seed), seller_(market_.verified_seller()) {
    batch_offer_ = market_.create_offer(seller_, static_cast<std::int64_t>(pick(1, 7'000'000)), {}, "city/any").value();
    batch_drawn_ = market_.sell(seller_, batch_offer_, kEntries).drawn;
    market_.offer =
        market_.create_stream_offer(static_cast<std::int64_t>(pick(1, 3'000'000)), 10, "city/stream").value();
    market_.begin_session();
    for (int i = 0; i < 3; ++i) buyers_.push_back(market_.client_with(100 * kCredit));
    market_.open(++opened_);
    last_block_us_ = base::to_us(market_.chain.now());
    check();
}

// ---- What there is to pick from -------------------------------------------------------------------------------------

std::uint64_t RandomMarket::pick(std::uint64_t low, std::uint64_t high) {
    return std::uniform_int_distribution<std::uint64_t>(low, high)(random_);
}

Who RandomMarket::anyone() {
    switch (pick(0, 5)) {
        case 0:
            return thief_;
        case 1:
            return seller_;
        case 2:
            return market_.seller;
        case 3:
            return market_.operators.at(any(market_.drawn));
        case 4:
            return any(market_.chain.organisations()).admin;
        default:
            return any(buyers_);
    }
}

RandomMarket::Bought* RandomMarket::any_purchase(const std::function<bool(const Bought&)>& rather) {
    Bought* found = nullptr;
    for (int tries = 0; tries < 8 && !bought_.empty(); ++tries) {
        auto at = bought_.begin();
        std::advance(at, pick(0, bought_.size() - 1));
        found = &at->second;
        if (!rather || rather(*found)) break;
    }
    return found;
}

bool RandomMarket::is_readable(const Bought& bought) {
    const auto batch = bought.opened.find(0);
    return bought.record.has_window() || (batch != bought.opened.end() && batch->second.size() >= kThreshold);
}

std::int64_t RandomMarket::any_amount(const std::string& account) {
    const auto has = balances_[account];
    if (has > 0 && once_in(2)) return static_cast<std::int64_t>(pick(1, static_cast<std::uint64_t>(has) / 10 + 1));
    const std::vector<std::int64_t> amounts = {
        1, -1, 0, has, has + 1, has / 2, INT64_MAX, INT64_MIN, std::int64_t{1} << 60, -has};
    return any(amounts);
}

schema::DownloadDataStreamRequest RandomMarket::any_receipt(const Bought& of, std::set<std::uint64_t>& entries) {
    const auto& batch = of.record.batch();
    const bool time = of.record.has_window();
    const auto end = time ? (batches_.empty() ? 5 : batches_.back().last_sequence() + 5) : batch.last_sequence();
    std::map<std::string, std::vector<std::pair<std::uint64_t, std::uint64_t>>> held;
    for (auto at = time ? pick(1, end) : pick(batch.first_sequence(), end); at <= end && !once_in(6);) {
        const auto last = once_in(4) ? end : std::min(end, at + pick(0, 4));
        held[any(time ? market_.drawn : batch_drawn_)].emplace_back(at, last);
        for (auto entry = at; entry <= last; ++entry) entries.insert(entry);
        at = last + pick(1, 3);
    }
    const Market::Served served(held.begin(), held.end());
    const auto counter = once_in(3) ? UINT64_MAX : pick(1, 5);
    return market_.receipt(of.buyer, of.record, counter, served);
}

// ---- Attempts -------------------------------------------------------------------------------------------------------

bool RandomMarket::try_call(const std::string& what, const Who& who, std::string_view contract,
                            std::string_view function, const google::protobuf::Message& request,
                            std::function<void(std::uint64_t)> judge,
                            std::function<void(const Bytes&, std::uint64_t)> learn) {
    auto endorsed = market_.chain.endorse(who, contract, function, ledger::proto::encode(request));
    if (!endorsed) return false;
    const auto result = proto::decode<proto::ProposalResult>(endorsed->result()).value();
    const auto response = to_bytes(std::string_view(result.response()));
    block_.push_back({.what = what,
                      .by = id_of(who, market_.chain),
                      .transaction = std::move(*endorsed),
                      .judge = [judge, learn, response](std::uint64_t block_us) {
                          if (judge) judge(block_us);
                          if (learn) learn(response, block_us);
                      }});
    return true;
}

void RandomMarket::try_forbidden(const Who& who, std::string_view contract, std::string_view function,
                                 const google::protobuf::Message& request) {
    INFO(contract << "." << function << " by " << id_of(who, market_.chain) << ": " << request.ShortDebugString());
    CHECK_FALSE(market_.chain.endorse(who, contract, function, ledger::proto::encode(request)));
}

void RandomMarket::learn_purchase(const Who& buyer, const Bytes& response) {
    schema::PurchaseReply reply;
    REQUIRE(reply.ParseFromArray(response.data(), static_cast<int>(response.size())));
    const auto& purchase = reply.purchase();
    REQUIRE_FALSE(bought_.contains(purchase.id()));
    bought_[purchase.id()] = {.buyer = buyer, .record = purchase, .opened = {}, .signed_for = {}, .last = purchase};
}

void RandomMarket::buy_batch() {
    if (bought_.size() >= kMostPurchases) return;
    const auto buyer = any(buyers_);
    auto order = market_.order(buyer, batch_offer_, "request-" + std::to_string(1'000'000'000 + pick(0, 60)));
    if (once_in(5)) order.set_price_micro(order.price_micro() - 1);
    const auto who = once_in(6) ? anyone() : buyer;
    if (who.did != buyer.did || order.price_micro() != batch_offer_.draft().price_micro())
        return try_forbidden(who, names::contract::kMarketplace, names::marketplace::kRequestDownloadToken, order);
    try_call("buy", buyer, names::contract::kMarketplace, names::marketplace::kRequestDownloadToken, order, {},
             [this, buyer](const Bytes& response, std::uint64_t) { learn_purchase(buyer, response); });
}

void RandomMarket::buy_time() {
    if (bought_.size() >= kMostPurchases) return;
    const auto buyer = any(buyers_);
    std::string after;
    if (auto* const other = any_purchase(); other != nullptr && once_in(2)) after = other->record.id();
    const auto request_id = "request-" + std::to_string(2'000'000'000 + ++requests_);
    const auto order = market_.time_order(buyer, static_cast<std::uint32_t>(pick(0, 3)), request_id, after);
    try_call("buy time", buyer, names::contract::kMarketplace, names::marketplace::kRequestDownloadToken, order, {},
             [this, buyer](const Bytes& response, std::uint64_t) { learn_purchase(buyer, response); });
}

/// Of one share, or of all of them.
void RandomMarket::release() {
    auto* const bought = any_purchase([](const Bought& one) { return one.opened.empty(); });
    if (bought == nullptr) return;
    const auto epoch = bought->record.has_window() ? static_cast<std::uint32_t>(pick(1, opened_)) : 0;
    if (once_in(2)) return release(*bought, pick(0, 3), epoch);
    for (std::size_t organisation = 0; organisation < kThreshold; ++organisation) release(*bought, organisation, epoch);
}

void RandomMarket::release(const Bought& bought, std::size_t organisation, std::uint32_t epoch) {
    const auto& record = bought.record;
    if (!market_.release_task(organisation, record.id(), epoch)) return;
    const auto request = market_.prepare_release(organisation, record.id(), epoch);
    const auto& by = market_.chain.organisations()[organisation];
    if (once_in(5)) try_forbidden(by.admin, names::contract::kCustody, names::custody::kRelease, request);
    if (once_in(5)) {
        auto foreign = request;
        foreign.set_purchase(any_purchase()->record.id());
        if (foreign.purchase() != record.id())
            try_forbidden(by.node, names::contract::kCustody, names::custody::kRelease, foreign);
    }
    try_call("release", by.node, names::contract::kCustody, names::custody::kRelease, request,
             [this, id = record.id(), epoch, name = by.name](std::uint64_t at) {
                 auto& of = bought_.at(id);
                 CHECK(at < of.record.deadlines().release_us());
                 if (of.record.has_window()) CHECK(at > of.record.window().from_us());
                 CHECK(of.last.state() != schema::REFUNDED);
                 CHECK(of.opened[epoch].insert(name).second);
             });
}

void RandomMarket::deliver() {
    auto* const bought = any_purchase([](const Bought& one) { return !one.ended && !one.opened.empty(); });
    if (bought == nullptr) return;
    std::set<std::uint64_t> entries;
    auto request = any_receipt(*bought, entries);
    if (once_in(6)) {  // signed by somebody else
        const auto forger = once_in(2) ? thief_ : market_.operators.at(any(market_.drawn));
        request.mutable_receipt()->set_signature(
            market_.signature(forger.key, "delivery-receipt/v1", request.receipt().receipt()));
        return try_forbidden(forger, names::contract::kSecurityManager, names::security_manager::kDownloadDataStream,
                             request);
    }
    const bool taken =
        try_call("deliver", anyone(), names::contract::kSecurityManager, names::security_manager::kDownloadDataStream,
                 request, [this, id = bought->record.id(), entries](std::uint64_t at) {
                     auto& of = bought_.at(id);
                     CHECK(at < of.record.deadlines().refund_us());
                     CHECK(is_readable(of));
                     of.signed_for.insert(entries.begin(), entries.end());
                 });
    // Whatever was signed or handed in before: what is new of a batch that can be read is owed.
    const auto is_new = [&](std::uint64_t entry) { return !bought->signed_for.contains(entry); };
    const bool owed = !bought->record.has_window() && is_readable(*bought) && !bought->ended &&
                      base::to_us(market_.chain.now()) < bought->record.deadlines().refund_us() &&
                      std::any_of(entries.begin(), entries.end(), is_new);
    if (owed) CHECK(taken);
}

void RandomMarket::refund() {
    auto* const bought = any_purchase();
    if (bought == nullptr) return;
    schema::RefundRequest request;
    request.set_purchase(bought->record.id());
    try_call("refund", anyone(), names::contract::kMarketplace, names::marketplace::kRefund, request,
             [this, id = bought->record.id()](std::uint64_t at) {
                 auto& of = bought_.at(id);
                 CHECK(at > (is_readable(of) ? of.record.deadlines().refund_us() : of.record.deadlines().release_us()));
                 CHECK_FALSE(of.ended);
             });
}

void RandomMarket::transfer() {
    const auto from = anyone();
    schema::TransferRequest request;
    request.set_to(id_of(anyone(), market_.chain));
    const auto by = id_of(from, market_.chain);
    request.set_amount_micro(any_amount(by));
    const bool possible = request.amount_micro() > 0 && request.amount_micro() <= balances_[by] && request.to() != by;
    if (!possible) return try_forbidden(from, names::contract::kCredits, names::credits::kTransfer, request);
    try_call("transfer", from, names::contract::kCredits, names::credits::kTransfer, request, {});
}

void RandomMarket::revoke() {
    auto* const bought = any_purchase();
    if (bought == nullptr) return;
    schema::RevokeGrantRequest request;
    request.set_grant(bought->record.grant());
    if (const auto who = anyone(); who.did != bought->buyer.did)
        try_forbidden(who, names::contract::kSecurityManager, names::security_manager::kRevokeGrant, request);
    try_call("revoke", bought->buyer, names::contract::kSecurityManager, names::security_manager::kRevokeGrant, request,
             {});
}

/// What only contracts or the consortium may do.
void RandomMarket::steal() {
    const auto* const bought = any_purchase();
    const auto escrow = bought == nullptr ? std::string("any") : bought->record.id();
    const auto who = anyone();
    schema::PayRequest pay;
    pay.set_escrow(escrow);
    pay.set_to(thief_.did);
    pay.set_amount_micro(1);
    try_forbidden(who, names::contract::kCredits, names::credits::kPay, pay);
    schema::HoldRequest hold;
    hold.set_escrow(escrow);
    hold.set_amount_micro(1);
    try_forbidden(who, names::contract::kCredits, names::credits::kHold, hold);
    schema::MintRequest mint;
    mint.set_account(thief_.did);
    mint.set_amount_micro(1);
    try_forbidden(who, names::contract::kCredits, names::credits::kMint, mint);
    schema::SettleRequest settle;
    settle.set_purchase(escrow);
    auto& delivery = *settle.add_deliveries();
    delivery.set_operator_(market_.drawn[0]);
    delivery.set_account(thief_.did);
    delivery.set_entries(kEntries);
    settle.set_delivered_entries(kEntries);
    try_forbidden(who, names::contract::kMarketplace, names::marketplace::kSettle, settle);
    schema::MarketSettings settings;
    settings.set_commission(1'000'000);
    try_forbidden(who, names::contract::kMarketplace, names::marketplace::kConfigure, settings);
}

/// The live stream goes on: honest, but at any pace.
void RandomMarket::stream_on() {
    market_.chain.advance(1'001ms);
    if (opened_ - recorded_ < 4 && once_in(2)) {
        market_.open(++opened_);
    } else if (recorded_ < opened_) {
        batches_.push_back(market_.record_epoch(++recorded_, pick(1, 9)));
    }
    last_block_us_ = base::to_us(market_.chain.now());
    check();
}

/// The consortium changes what holds from now on.
void RandomMarket::decide() {
    if (once_in(2)) {
        schema::MarketSettings settings;
        settings.set_commission(static_cast<std::uint32_t>(pick(0, 1'000'000)));
        settings.set_operator_share(static_cast<std::uint32_t>(pick(0, 1'000'000 - settings.commission())));
        settings.set_release_s(static_cast<std::uint32_t>(pick(1, 100)));
        settings.set_delivery_s(static_cast<std::uint32_t>(pick(1, 100)));
        settings.set_claim_s(static_cast<std::uint32_t>(pick(1, 100)));
        settings.set_challenge_s(static_cast<std::uint32_t>(pick(1, 100)));
        REQUIRE(market_.decide(
            {market_.governed(names::contract::kMarketplace, names::marketplace::kConfigure, settings)}));
    } else {
        const auto& name = any(market_.drawn);
        market_.operators[name] = new_actor();
        schema::RegisterOperatorRequest request;
        request.mutable_operator_()->set_name(name);
        request.mutable_operator_()->set_organisation("org1");
        request.mutable_operator_()->set_did(market_.operators[name].did);
        request.mutable_operator_()->set_active(true);
        REQUIRE(market_.decide({market_.governed(names::contract::kSecurityManager,
                                                 names::security_manager::kRegisterOperator, request)}));
    }
    last_block_us_ = base::to_us(market_.chain.now());
    check();
}

void RandomMarket::attempt() {
    switch (pick(0, 16)) {
        case 0:
        case 1:
            return buy_batch();
        case 2:
            return buy_time();
        case 3:
        case 4:
        case 5:
        case 6:
            return release();
        case 7:
        case 8:
        case 9:
        case 10:
            return deliver();
        case 11:
        case 12:
            return refund();
        case 13:
            return transfer();
        case 14:
            return transfer();
        case 15:
            return revoke();
        default:
            return steal();
    }
}

}  // namespace fairstream::chaincode::tests
