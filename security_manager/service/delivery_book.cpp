#include "security_manager/service/delivery_book.hpp"

#include <algorithm>

#include "ledger/proto/wire.hpp"

namespace fairstream::security_manager::service {

namespace crypto = identity::crypto;
namespace schema = chaincode::schema;
using gate::SequenceRange;

namespace {

constexpr std::uint8_t kRecordVersion = 1;
constexpr int kMaxRangesPerOperator = 64;
constexpr int kMaxOperators = 16;
/// Far more than any stream has; sums of ranges below it do not overflow.
constexpr std::uint64_t kMaxSequence = std::uint64_t{1} << 56;

Status bad(std::string why) {
    return fail("bad_receipt", std::move(why));
}

bool signed_by(const gate::VerifyingKey& key, std::string_view type, std::string_view network, const std::string& what,
               const std::string& signature) {
    const auto bytes = crypto::to_signature(as_bytes(signature));
    return bytes && key.verify(crypto::signing_input(type, network, as_bytes(what)), *bytes);
}

/// Ascending and disjoint within what was bought; adds them to what all operators served, each entry once.
Status take_ranges(const schema::OperatorRanges& served, const ReceiptTerms& terms, gate::Meter& all) {
    if (served.ranges_size() < 1 || served.ranges_size() > kMaxRangesPerOperator)
        return bad("1 to 64 ranges per operator");
    std::uint64_t next = terms.first;
    for (const auto& range : served.ranges()) {
        if (range.first() < next || range.last() < range.first() || range.last() > terms.last ||
            range.last() > kMaxSequence)
            return bad("ranges are not ascending and disjoint within what was bought");
        next = range.last() + 1;
        const std::uint64_t before = all.entries();
        all.add(range.first(), range.last());
        if (all.entries() - before != range.last() - range.first() + 1)
            return bad("an entry is claimed by two operators");
    }
    return {};
}

/// Nothing of `before` taken back: per operator, its entries are still there.
bool includes(const schema::DeliveryReceipt& now, const schema::DeliveryReceipt& before) {
    return std::ranges::all_of(before.served(), [&](const schema::OperatorRanges& then) {
        gate::Meter entries;
        for (const auto& one : now.served())
            if (one.operator_() == then.operator_())
                for (const auto& range : one.ranges()) entries.add(range.first(), range.last());
        const std::uint64_t all = entries.entries();
        for (const auto& range : then.ranges()) entries.add(range.first(), range.last());
        return entries.entries() == all;
    });
}

/// The ledger's last word on a receipt: there is nothing to be had for it any more.
bool is_final(const Error& error) {
    return error.code == "nothing_new" || error.code == "already_settled" || error.code == "already_refunded" ||
           error.code == "too_late";
}

std::vector<SequenceRange> ranges_of(const schema::DeliveryReceipt& receipt) {
    std::vector<SequenceRange> out;
    for (const auto& served : receipt.served())
        for (const auto& range : served.ranges()) out.push_back({range.first(), range.last()});
    return out;
}

}  // namespace

// ---- Serving --------------------------------------------------------------------------------------------------------

DeliveryBook::Account* DeliveryBook::open(const std::string& name) {
    const auto found = accounts_.find(name);
    if (found != accounts_.end()) return &found->second;
    if (name.empty() || accounts_.size() >= limits_.max_accounts) return nullptr;
    return &accounts_[name];
}

std::uint64_t DeliveryBook::reach(const std::string& name, std::uint32_t window, std::uint64_t first,
                                  std::uint64_t last) {
    if (window == 0) return last;
    Account* const account = open(name);
    if (account == nullptr) return first - 1;
    account->delivery.set_window(window);
    return account->delivery.reach(first, last);
}

void DeliveryBook::serve(const std::string& name, std::uint64_t first, std::uint64_t last, TimePoint keep_until) {
    Account* const account = open(name);
    if (account == nullptr) return;
    account->keep_until = std::max(account->keep_until, keep_until);
    account->delivery.serve(first, last);
    changed_.insert(name);
}

const gate::DeliveryAccount* DeliveryBook::account(const std::string& name) const {
    const auto found = accounts_.find(name);
    return found == accounts_.end() ? nullptr : &found->second.delivery;
}

// ---- Receipts -------------------------------------------------------------------------------------------------------

Status DeliveryBook::check(const ReceiptTerms& terms, const schema::DownloadDataStreamRequest& request,
                           const schema::DeliveryReceipt& receipt) const {
    if (receipt.purchase() != terms.purchase || request.grant() != terms.grant)
        return fail("foreign_receipt", "the receipt is for another purchase than the session");
    if (!signed_by(terms.holder, "download-token/v1", network_, terms.grant, request.token_signature()))
        return bad("token_signature is not by the buyer's key over the grant");
    if (receipt.counter() == 0 || receipt.served_size() < 1 || receipt.served_size() > kMaxOperators)
        return bad("a receipt has a counter from 1 on and names 1 to 16 operators");
    gate::Meter all;
    std::set<std::string> named;
    for (const auto& served : receipt.served()) {
        if (std::ranges::find(terms.operators, served.operator_()) == terms.operators.end())
            return fail("operator_not_drawn", "the receipt names an operator that was not drawn for this stream");
        if (!named.insert(served.operator_()).second) return bad(served.operator_() + " stands in it twice");
        FS_TRY(take_ranges(served, terms, all));
    }
    return {};
}

Status DeliveryBook::accept(const ReceiptTerms& terms, const schema::DownloadDataStreamRequest& request,
                            TimePoint keep_until, TimePoint now) {
    const schema::SignedDeliveryReceipt& outer = request.receipt();
    if (outer.receipt().size() > limits_.max_receipt_bytes) return bad("larger than 16 KiB");
    if (!signed_by(terms.holder, "delivery-receipt/v1", network_, outer.receipt(), outer.signature()))
        return bad("not signed by the buyer's key of this grant");
    schema::DeliveryReceipt receipt;
    if (!receipt.ParseFromString(outer.receipt())) return bad("does not parse");
    FS_TRY(check(terms, request, receipt));
    Account* const account = open(terms.purchase);
    if (account == nullptr) return fail("too_many_accounts", "this operator keeps no more accounts");
    if (account->request.has_receipt()) {
        schema::DeliveryReceipt before;
        before.ParseFromString(account->request.receipt().receipt());
        if (receipt.counter() == before.counter() && outer.receipt() == account->request.receipt().receipt()) return {};
        if (receipt.counter() <= before.counter())
            return fail("stale_receipt",
                        "a receipt with counter " + std::to_string(before.counter()) + " was taken already");
        if (!includes(receipt, before)) return bad("takes back what an earlier receipt signed for");
    }
    if (account->redeemed >= account->counter) account->oldest_open_at = now;
    account->request = request;
    account->counter = receipt.counter();
    account->newest_at = now;
    account->tries = 0;
    account->keep_until = std::max(account->keep_until, keep_until);
    account->delivery.cover(ranges_of(receipt));
    changed_.insert(terms.purchase);
    return {};
}

const schema::SignedDeliveryReceipt* DeliveryBook::newest(const std::string& purchase) const {
    const auto found = accounts_.find(purchase);
    return found == accounts_.end() || !found->second.request.has_receipt() ? nullptr
                                                                            : &found->second.request.receipt();
}

// ---- Redeeming ------------------------------------------------------------------------------------------------------

std::vector<DeliveryBook::Redemption> DeliveryBook::due(TimePoint now, std::size_t at_most) {
    std::vector<Redemption> out;
    for (auto& [name, account] : accounts_) {
        if (out.size() == at_most) break;
        if (account.redeemed >= account.counter || account.asking || now < account.retry_at) continue;
        if (now < account.newest_at + limits_.redeem_after && now < account.oldest_open_at + limits_.redeem_at_latest)
            continue;
        account.asking = true;
        out.push_back({name, account.counter, account.request});
    }
    return out;
}

void DeliveryBook::redeemed(const std::string& name, std::uint64_t counter, const Status& answer, TimePoint now) {
    const auto found = accounts_.find(name);
    if (found == accounts_.end()) return;
    Account& account = found->second;
    account.asking = false;
    if (!answer && !is_final(answer.error()) && ++account.tries < limits_.max_tries) {
        account.retry_at = now + limits_.first_retry * (std::int64_t{1} << (account.tries - 1));
        return;
    }
    account.redeemed = std::max(account.redeemed, counter);
    account.oldest_open_at = account.newest_at;
    account.tries = 0;
    account.retry_at = {};
    changed_.insert(name);
}

void DeliveryBook::expire(TimePoint now) {
    std::erase_if(accounts_, [&](const auto& entry) {
        const Account& account = entry.second;
        const bool over = account.keep_until <= now && account.redeemed >= account.counter && !account.asking;
        if (over) changed_.insert(entry.first);
        return over;
    });
}

// ---- Records --------------------------------------------------------------------------------------------------------

// u8 version, then length-prefixed: name; u64 keep until (us), u64 redeemed; DownloadDataStreamRequest; u64 pairs:
// served.
Bytes DeliveryBook::encode(const std::string& name, const Account& account) {
    Bytes numbers;
    base::append_u64(numbers, base::to_us(account.keep_until));
    base::append_u64(numbers, account.redeemed);
    Bytes served;
    for (const auto& [first, last] : account.delivery.served().ranges()) {
        base::append_u64(served, first);
        base::append_u64(served, last);
    }
    Bytes out{kRecordVersion};
    append(out, base::lp(std::string_view(name), ByteView(numbers), ByteView(ledger::proto::encode(account.request)),
                         ByteView(served)));
    return out;
}

std::vector<DeliveryBook::Record> DeliveryBook::take_changed() {
    std::vector<Record> out;
    for (const std::string& name : std::exchange(changed_, {})) {
        const auto found = accounts_.find(name);
        out.push_back({name, found == accounts_.end() ? Bytes() : encode(name, found->second)});
    }
    return out;
}

Status DeliveryBook::restore(ByteView record, TimePoint now) {
    const auto broken = [] { return fail("bad_record", "not a record of version 1"); };
    std::vector<ByteView> parts;
    if (record.empty() || record[0] != kRecordVersion) return broken();
    for (ByteView rest = record.subspan(1); !rest.empty();) {
        if (rest.size() < 4 || rest.size() - 4 < base::read_u32(rest)) return broken();
        parts.push_back(rest.subspan(4, base::read_u32(rest)));
        rest = rest.subspan(4 + parts.back().size());
    }
    if (parts.size() != 4 || parts[1].size() != 16 || parts[3].size() % 16 != 0) return broken();
    FS_ASSIGN(auto request, ledger::proto::decode<schema::DownloadDataStreamRequest>(parts[2]));
    Account* const account = open(std::string(as_text(parts[0])));
    if (account == nullptr) return fail("too_many_accounts", "more records than accounts are kept");
    account->keep_until = base::from_us(base::read_u64(parts[1]));
    account->redeemed = base::read_u64(parts[1].subspan(8));
    for (ByteView rest = parts[3]; !rest.empty(); rest = rest.subspan(16)) {
        const std::uint64_t first = base::read_u64(rest);
        const std::uint64_t last = base::read_u64(rest.subspan(8));
        if (first > last) return broken();
        account->delivery.serve(first, last);
    }
    if (!request.has_receipt()) return {};
    FS_ASSIGN(const auto receipt, ledger::proto::decode<schema::DeliveryReceipt>(request.receipt().receipt()));
    account->delivery.cover(ranges_of(receipt));
    account->counter = receipt.counter();
    account->request = std::move(request);
    account->newest_at = account->oldest_open_at = now;
    return {};
}

}  // namespace fairstream::security_manager::service
