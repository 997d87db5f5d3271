#include "chaincode/marketplace/window_settlement.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include "chaincode/marketplace/key_epochs.hpp"
#include "chaincode/marketplace/offers.hpp"
#include "chaincode/marketplace/payments.hpp"
#include "chaincode/marketplace/purchases.hpp"
#include "chaincode/rules/amounts.hpp"
#include "chaincode/rules/arguments.hpp"
#include "chaincode/rules/records.hpp"

namespace fairstream::chaincode::marketplace {

using ledger::contract::Context;

namespace {

constexpr std::int64_t kMaxOperators = 16;

std::string share_key(const std::string& purchase, std::uint32_t batch) {
    return "share/" + purchase + "/" + rules::sortable(batch);
}

/// Fresh entries of one operator.
struct Piece {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    int delivery = 0;  // index in the request
};

Result<std::vector<Piece>> pieces_of(const schema::SettleRequest& request) {
    FS_TRY(rules::check_range("deliveries", request.deliveries_size(), 0, kMaxOperators));
    std::vector<Piece> pieces;
    for (int i = 0; i < request.deliveries_size(); ++i)
        for (const auto& range : request.deliveries(i).fresh())
            pieces.push_back({.first = range.first(), .last = range.last(), .delivery = i});
    std::sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) { return a.first < b.first; });
    std::uint64_t next = 0;
    for (const auto& piece : pieces) {
        if (piece.first < next || piece.last < piece.first || piece.last > rules::kMaxBatchEntries)
            return fail("bad_arguments", "fresh: ranges overlap or are out of bounds");
        next = piece.last + 1;
    }
    return pieces;
}

/// The number of the first batch for which `reached` holds, which later ones then do too; batches + 1 if none.
template <typename Reached>
Result<std::uint32_t> first_batch(Context& context, const schema::Offer& offer, Reached reached) {
    std::uint32_t low = 1;
    std::uint32_t high = offer.batches() + 1;
    while (low < high) {
        const auto middle = low + (high - low) / 2;
        FS_ASSIGN(const auto batch, find_batch(context, offer, middle));
        if (reached(batch))
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/// Fresh entries of one batch, by delivery of the request.
struct Fresh {
    schema::Batch batch;
    std::map<int, std::uint64_t> entries;
};

struct Taken {
    std::vector<Fresh> batches;  // ascending
    std::uint64_t entries = 0;
    std::uint64_t through = 0;
    bool all = true;  // nothing waits for another call
};

/// The fresh entries of recorded batches, of kMaxBatchesAtOnce batches at most. Entries between batches are passed
/// over.
Result<Taken> take(Context& context, const schema::Offer& offer, const std::vector<Piece>& pieces) {
    Taken taken;
    if (offer.batches() == 0) return taken;
    FS_ASSIGN(const auto last, find_batch(context, offer, offer.batches()));
    taken.through = last.last_sequence();
    for (auto piece : pieces) {
        while (piece.first <= piece.last && piece.first <= last.last_sequence()) {
            if (taken.batches.empty() || taken.batches.back().batch.last_sequence() < piece.first) {
                FS_ASSIGN(const auto number, first_batch(context, offer, [&](const schema::Batch& batch) {
                              return batch.last_sequence() >= piece.first;
                          }));
                if (taken.batches.size() == kMaxBatchesAtOnce) {
                    taken.through = taken.batches.back().batch.last_sequence();
                    taken.all = false;
                    return taken;
                }
                FS_ASSIGN(auto batch, find_batch(context, offer, number));
                taken.batches.push_back({.batch = std::move(batch), .entries = {}});
            }
            auto& fresh = taken.batches.back();
            const auto from = std::max(piece.first, fresh.batch.first_sequence());
            const auto to = std::min(piece.last, fresh.batch.last_sequence());
            if (from <= to) {
                fresh.entries[piece.delivery] += to - from + 1;
                taken.entries += to - from + 1;
            }
            piece.first = std::max(to, from - 1) + 1;
        }
    }
    return taken;
}

schema::OperatorDelivery& delivery_of(Deliveries& deliveries, const schema::OperatorDelivery& by) {
    for (auto& delivery : deliveries)
        if (delivery.operator_() == by.operator_()) return delivery;
    auto& added = *deliveries.Add();
    added.set_operator_(by.operator_());
    added.set_account(by.account());
    return added;
}

/// Counts the fresh entries of one batch up to what is due, and adds what they earn.
Status count(Context& context, const schema::Purchase& purchase, const schema::SettleRequest& request,
             const Fresh& fresh, schema::PurchaseProgress& progress, Due& due) {
    const auto part = carried(purchase.window(), purchase.agreement().price_micro(), fresh.batch);
    if (part.entries == 0) return {};
    const auto key = share_key(purchase.id(), fresh.batch.number());
    FS_ASSIGN(auto share, rules::load<schema::BatchShare>(context, key));
    if (!share) share.emplace();
    share->set_value_micro(part.price_micro);
    share->set_due_entries(part.entries);
    const auto before = share->deliveries();
    auto open = part.entries - delivered_of(before);
    if (open == 0) return {};
    for (const auto& [index, entries] : fresh.entries) {
        const auto counted = std::min(entries, open);
        if (counted == 0) continue;
        auto& delivery = delivery_of(*share->mutable_deliveries(), request.deliveries(index));
        delivery.set_entries(delivery.entries() + counted);
        open -= counted;
    }
    keep_accounts(progress, *share->mutable_deliveries());
    add_due(due, purchase.agreement(), {.price_micro = part.price_micro, .entries = part.entries}, before,
            share->deliveries());
    if (open == 0 && part.whole) progress.set_complete_batches(progress.complete_batches() + 1);
    return rules::store(context, key, *share);
}

/// Batches by number: [first, end) meet the window, [first_whole, end_whole) lie wholly in it.
struct Met {
    std::uint32_t first = 0;
    std::uint32_t end = 0;
    std::uint32_t first_whole = 0;
    std::uint32_t end_whole = 0;
};

/// Batches' times rise with their numbers.
Result<Met> met_by(Context& context, const schema::Offer& offer, const schema::Window& window) {
    const auto first = [&](auto reached) { return first_batch(context, offer, reached); };
    Met met;
    FS_ASSIGN(met.first, first([&](const schema::Batch& batch) { return batch.until_us() > window.from_us(); }));
    FS_ASSIGN(met.end, first([&](const schema::Batch& batch) { return batch.from_us() >= window.until_us(); }));
    FS_ASSIGN(met.first_whole, first([&](const schema::Batch& batch) { return batch.from_us() >= window.from_us(); }));
    FS_ASSIGN(met.end_whole,
              first([&](const schema::Batch& batch) { return batch.recorded_at_us() > window.until_us(); }));
    met.end_whole = std::max(met.first_whole, met.end_whole);
    return met;
}

/// What of the price the batch carries and no one was paid yet.
Result<std::int64_t> unpaid_of(Context& context, const schema::Purchase& purchase, const schema::Batch& batch) {
    const auto part = carried(purchase.window(), purchase.agreement().price_micro(), batch);
    if (part.entries == 0) return 0;
    FS_ASSIGN(const auto share, rules::load<schema::BatchShare>(context, share_key(purchase.id(), batch.number())));
    auto unpaid = part.price_micro;
    if (!share) return unpaid;
    for (const auto& payment :
         earned(purchase.agreement(), {.price_micro = part.price_micro, .entries = part.entries}, share->deliveries()))
        unpaid -= payment.amount_micro;
    return unpaid;
}

/// What of the price can still be signed for at the edges: one batch may reach over the window's beginning, and at most
/// kMaxWaitingEpochs were recorded after its end.
Result<std::int64_t> unpaid_at_edges(Context& context, const schema::Offer& offer, const schema::Purchase& purchase) {
    FS_ASSIGN(const auto met, met_by(context, offer, purchase.window()));
    std::int64_t unpaid = 0;
    for (auto number = met.first; number < met.end; ++number) {
        if (number == met.first_whole) number = met.end_whole;
        if (number >= met.end) break;
        FS_ASSIGN(const auto batch, find_batch(context, offer, number));
        FS_ASSIGN(const auto of_batch, unpaid_of(context, purchase, batch));
        unpaid += of_batch;
    }
    return unpaid;
}

Result<bool> ready(Context& context, const schema::Offer& offer, const schema::Window& window,
                   const schema::PurchaseProgress& progress) {
    const auto until = base::from_us(window.until_us());
    if (context.created_at() <= until) return false;
    FS_ASSIGN(const auto newest, last_opened_before(context, offer.id(), window.until_us()));
    if (newest && newest->ended_at_us() == 0) return false;
    FS_ASSIGN(const auto met, met_by(context, offer, window));
    if (progress.complete_batches() < met.end_whole - met.first_whole) return false;
    context.require_after(until);
    return true;
}

/// floor(price * elapsed / total).
std::int64_t price_of(std::int64_t price_micro, std::uint64_t elapsed_us, std::uint64_t total_us) {
    return static_cast<std::int64_t>(static_cast<rules::Wide>(price_micro) * elapsed_us / total_us);
}

}  // namespace

Result<std::uint64_t> settle_window(Context& context, const schema::Purchase& purchase,
                                    const schema::SettleRequest& request, schema::PurchaseProgress& progress) {
    FS_ASSIGN(const auto pieces, pieces_of(request));
    FS_ASSIGN(const auto offer, find_offer(context, purchase.agreement().offer()));
    FS_ASSIGN(const auto taken, take(context, offer, pieces));
    Due due;
    for (const auto& fresh : taken.batches) FS_TRY(count(context, purchase, request, fresh, progress, due));
    FS_ASSIGN(const auto paid, pay(context, purchase, due));
    progress.set_paid_micro(progress.paid_micro() + paid);
    progress.set_delivered_entries(progress.delivered_entries() + taken.entries);
    for (const auto& fresh : taken.batches)
        for (const auto& [index, entries] : fresh.entries) {
            auto& delivery = delivery_of(*progress.mutable_deliveries(), request.deliveries(index));
            delivery.set_entries(delivery.entries() + entries);
        }
    const bool settled_before = progress.state() == schema::SETTLED;
    if (taken.entries > 0 && !settled_before) progress.set_state(schema::DELIVERING);
    auto settled = taken.all && !settled_before;
    if (settled) {
        FS_ASSIGN(settled, ready(context, offer, purchase.window(), progress));
    }
    if (!settled && taken.entries == 0)
        return fail("nothing_new", "the receipt covers no entry of a recorded batch that was not paid for already");
    if (!settled) return taken.through;
    FS_ASSIGN(const auto at_edges, unpaid_at_edges(context, offer, purchase));
    const auto left = held_micro(purchase, progress) - at_edges;
    FS_TRY(pay(context, purchase, purchase.buyer(), left));
    progress.set_returned_micro(left);
    progress.set_state(schema::SETTLED);
    return taken.through;
}

Carried carried(const schema::Window& window, std::int64_t price_micro, const schema::Batch& batch) {
    const auto from = std::max(window.from_us(), batch.from_us());
    const auto until = std::min(window.until_us(), batch.until_us());
    if (from >= until) return {};
    const auto total = window.until_us() - window.from_us();
    const auto entries = batch.last_sequence() - batch.first_sequence() + 1;
    const auto in_window = static_cast<rules::Wide>(entries) * (until - from) / (batch.until_us() - batch.from_us());
    Carried part;
    part.price_micro =
        price_of(price_micro, until - window.from_us(), total) - price_of(price_micro, from - window.from_us(), total);
    part.whole = batch.from_us() >= window.from_us() && batch.recorded_at_us() <= window.until_us();
    part.entries = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(in_window));
    return part;
}

}  // namespace fairstream::chaincode::marketplace
