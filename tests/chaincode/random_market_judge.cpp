#include <algorithm>
#include <catch2/catch.hpp>

#include "chaincode/marketplace/window_settlement.hpp"
#include "chaincode/rules/amounts.hpp"
#include "tests/chaincode/random_market.hpp"

namespace fairstream::chaincode::tests {

namespace proto = ledger::proto;
using namespace std::chrono_literals;

namespace {

std::uint64_t entries_of(const schema::Batch& batch) {
    return batch.last_sequence() - batch.first_sequence() + 1;
}

}  // namespace

// ---- Time and blocks ------------------------------------------------------------------------------------------------

/// On the moment of a deadline that is near, or a little before or after it.
void RandomMarket::move_to_deadline(std::chrono::microseconds most) {
    std::vector<TimePoint> near;
    const auto now = market_.chain.now();
    const auto consider = [&](std::uint64_t us) {
        const auto moment = base::from_us(us);
        if (moment > now - 20s && moment < now + most) near.push_back(moment);
    };
    for (const auto& [id, bought] : bought_) {
        if (bought.ended) continue;
        consider(bought.record.deadlines().release_us());
        consider(bought.record.deadlines().refund_us());
        if (bought.record.has_window()) consider(bought.record.window().until_us());
    }
    if (near.empty()) return;
    const std::vector<std::chrono::microseconds> offsets = {-10s, -1ms, -1us, 0us, 1us, 1ms, 10s};
    const auto block = any(near) + any(offsets);
    if (base::to_us(block) > last_block_us_) market_.chain.advance(block - 1ms - now);
}

void RandomMarket::move_time() {
    switch (pick(0, 5)) {
        case 0:
            return move_to_deadline(3h);
        case 2:
            return move_to_deadline(60s);
        case 1:
            return market_.chain.advance(std::chrono::seconds(pick(1, 60)));
        default:
            return market_.chain.advance(std::chrono::milliseconds(pick(1, 2'000)));
    }
}

void RandomMarket::step() {
    if (once_in(5)) stream_on();
    if (once_in(25)) decide();
    move_time();
    for (auto attempts = pick(1, 4); attempts > 0; --attempts) attempt();
    commit();
    check();
}

void RandomMarket::commit() {
    if (block_.empty()) return;
    const auto endorsed_at = market_.chain.now();
    if (once_in(2)) move_to_deadline(55s);  // a transaction lives for a minute
    // The order in a block is nobody's to choose. Some of it was valid before.
    std::shuffle(block_.begin(), block_.end(), random_);
    std::vector<proto::Transaction> transactions;
    for (const auto& one : block_) transactions.push_back(one.transaction);
    const auto replayed = valid_before_.empty() ? 0 : pick(0, 1);
    if (replayed == 1) transactions.push_back(any(valid_before_));
    const auto codes = market_.chain.commit(transactions);
    last_block_us_ = base::to_us(market_.chain.now());
    if (replayed == 1) CHECK(codes.back() != proto::VALID);

    std::set<std::string> acted;
    for (std::size_t i = 0; i < block_.size(); ++i) {
        if (codes[i] != proto::VALID) continue;
        INFO(block_[i].what << " by " << block_[i].by << ", endorsed at " << base::to_us(endorsed_at)
                            << ", in a block of " << last_block_us_);
        block_[i].judge(last_block_us_);
        acted.insert(block_[i].by);
        valid_before_.push_back(block_[i].transaction);
        ++done_[block_[i].what];
    }
    block_.clear();
    // Nobody loses money but by what it signed itself.
    const auto books = market_.chain.audit();
    for (const auto& account : books.accounts()) {
        INFO(account.account());
        CHECK((account.amount_micro() >= balances_[account.account()] || acted.contains(account.account())));
    }
}

// ---- Judgement ------------------------------------------------------------------------------------------------------

void RandomMarket::check() {
    const auto books = market_.chain.audit();
    for (const auto& account : books.accounts()) {
        CHECK(account.amount_micro() >= 0);
        balances_[account.account()] = account.amount_micro();
    }
    std::map<std::string, std::int64_t> escrows;
    for (const auto& escrow : books.escrows()) escrows[escrow.account()] = escrow.amount_micro();
    for (auto& [id, bought] : bought_) check_purchase(bought, escrows);
    std::erase_if(escrows, [](const auto& one) { return one.second == 0; });
    for (const auto& [name, amount] : escrows) {
        INFO(name << " holds " << amount);
        CHECK(bought_.contains(name.substr(name.find('/') + 1)));  // no escrow without a purchase
    }
}

/// What can have been paid at most: the price of the entries that were signed for.
std::int64_t RandomMarket::most_payable(const Bought& bought) {
    const auto price = bought.record.agreement().price_micro();
    if (!bought.record.has_window()) {
        return rules::share(price, bought.signed_for.size(), entries_of(bought.record.batch()), rules::kOne);
    }
    std::int64_t most = 0;
    for (const auto& batch : batches_) {
        const auto part = marketplace::carried(bought.record.window(), price, batch);
        if (part.entries == 0) continue;
        const auto from = bought.signed_for.lower_bound(batch.first_sequence());
        const auto to = bought.signed_for.upper_bound(batch.last_sequence());
        const auto counted = std::min(static_cast<std::uint64_t>(std::distance(from, to)), part.entries);
        most += rules::share(part.price_micro, counted, part.entries, rules::kOne);
    }
    return most;
}

void RandomMarket::check_purchase(Bought& bought, const std::map<std::string, std::int64_t>& escrows) {
    const auto now = market_.purchase(bought.record.id()).value();
    INFO("purchase " << now.id() << ": " << now.ShortDebugString());
    const auto price = bought.record.agreement().price_micro();
    const auto found = escrows.find("marketplace/" + now.id());
    const auto held = found == escrows.end() ? 0 : found->second;
    CHECK(now.paid_micro() + now.returned_micro() + held == price);
    CHECK(now.paid_micro() >= bought.last.paid_micro());
    CHECK(now.returned_micro() >= bought.last.returned_micro());
    CHECK(now.paid_micro() <= most_payable(bought));
    CHECK(now.delivered_entries() <= bought.signed_for.size());
    if (!bought.record.has_window()) {
        CHECK(now.delivered_entries() == bought.signed_for.size());  // all that was signed for is paid
        CHECK((now.state() == schema::SETTLED) == (now.delivered_entries() == kEntries));
        if (now.state() == schema::SETTLED) CHECK(now.paid_micro() == price);
    }
    if (now.state() == schema::REFUNDED) CHECK(held == 0);
    if (bought.ended) {  // ends once, one way
        CHECK(now.state() == bought.last.state());
        CHECK(now.paid_micro() == bought.last.paid_micro());
        CHECK(now.returned_micro() == bought.last.returned_micro());
    }
    bought.ended = held == 0;
    bought.last = now;
}

void RandomMarket::finish() {
    std::uint64_t end = 0;
    for (const auto& [id, bought] : bought_) end = std::max(end, bought.record.deadlines().refund_us());
    const auto after = base::from_us(end) + 1s;
    if (after > market_.chain.now()) market_.chain.advance(after - market_.chain.now());
    for (const auto& [id, bought] : bought_) {
        const auto answer = market_.refund(thief_, id);
        CHECK(answer.has_value() == !bought.ended);
    }
    last_block_us_ = base::to_us(market_.chain.now());
    check();
    for (const auto& [id, bought] : bought_) CHECK(bought.ended);
    const auto books = market_.chain.audit();
    for (const auto& escrow : books.escrows()) CHECK(escrow.amount_micro() == 0);
}

}  // namespace fairstream::chaincode::tests
