#include "chaincode/marketplace/windows.hpp"

#include <algorithm>

#include "chaincode/marketplace/key_epochs.hpp"
#include "chaincode/marketplace/purchases.hpp"
#include "chaincode/rules/arguments.hpp"
#include "chaincode/rules/records.hpp"

namespace fairstream::chaincode::marketplace {

using ledger::contract::Context;

namespace {

constexpr std::int64_t kMaxWindows = 1'000;
constexpr std::uint64_t kSecondUs = 1'000'000;
constexpr std::uint64_t kMaxAheadUs = 31ull * 24 * 3600 * kSecondUs;  // custodians keep in mind what is bought ahead
constexpr std::size_t kMaxCursor = 64;

std::string renewal_key(const std::string& purchase) {
    return "renewal/" + purchase;
}
std::string windows_prefix(const std::string& offer) {
    return "window/" + offer + "/";
}
/// What follows the prefix is also the cursor of ListWindows.
std::string cursor(const schema::Purchase& purchase) {
    return rules::sortable(purchase.window().until_us()) + "/" + purchase.id();
}

/// Where a renewal begins.
Result<std::uint64_t> end_of(Context& context, const schema::Offer& offer, const std::string& buyer,
                             const std::string& renewed) {
    FS_ASSIGN(const auto before, find_purchase(context, renewed));
    if (before.buyer() != buyer) return fail("not_buyer", "after: this purchase is another buyer's");
    if (before.agreement().offer() != offer.id() || !before.has_window())
        return fail("foreign_purchase", "after: this purchase covers no time of this offer");
    FS_ASSIGN(const auto renewal, renewal_of(context, renewed));
    if (!renewal.empty()) return fail("already_renewed", "purchase " + renewal + " renews this one already");
    return before.window().until_us();
}

}  // namespace

Result<schema::Window> make_window(Context& context, const schema::Offer& offer, const std::string& buyer,
                                   const schema::RequestDownloadTokenRequest& request) {
    if (request.batch() != 0) return fail("bad_arguments", "batch: this offer sells time (windows)");
    FS_TRY(rules::check_range("windows", request.windows(), 1, kMaxWindows));
    auto from = base::to_us(context.created_at());
    if (!request.after().empty()) {
        FS_ASSIGN(const auto end, end_of(context, offer, buyer, request.after()));
        if (end > from + kMaxAheadUs) return fail("too_early", "after: this purchase ends more than 31 days from now");
        from = std::max(from, end);
    }
    schema::Window window;
    window.set_from_us(from);
    window.set_until_us(from + std::uint64_t{request.windows()} * offer.draft().window_s() * kSecondUs);
    window.set_count(request.windows());
    window.set_after(request.after());
    return window;
}

Status store_window(Context& context, const schema::Purchase& purchase) {
    const auto key = windows_prefix(purchase.agreement().offer()) + cursor(purchase);
    FS_TRY(context.put(key, as_bytes(purchase.id())));
    if (purchase.window().after().empty()) return {};
    return context.put(renewal_key(purchase.window().after()), as_bytes(purchase.id()));
}

Result<std::string> renewal_of(Context& context, const std::string& purchase) {
    FS_ASSIGN(const auto entry, context.get(renewal_key(purchase)));
    return entry ? base::to_string(entry->value) : std::string();
}

Result<schema::ListWindowsReply> list_windows(Context& context, const schema::ListWindowsRequest& request) {
    FS_TRY(rules::check_id("offer", request.offer()));
    FS_TRY(rules::check_word("after", request.after(), 0, kMaxCursor, "/"));
    FS_ASSIGN(const auto epoch, find_key_epoch(context, request.offer(), request.key_epoch()));
    const auto prefix = windows_prefix(request.offer());
    const auto opened = prefix + rules::sortable(epoch.opened_at_us() + 1);
    const auto start = request.after().empty() ? opened : rules::just_after(prefix + request.after());
    const auto limit = rules::page_size(request.limit());
    FS_ASSIGN(const auto page, context.range(start, rules::end_of_prefix(prefix), limit));
    schema::ListWindowsReply reply;
    for (const auto& entry : page) {
        FS_ASSIGN(const auto purchase, find_purchase(context, base::to_string(entry.value)));
        if (meets(epoch, purchase.window())) reply.add_purchases(purchase.id());
    }
    if (page.size() == limit) reply.set_next(page.back().key.substr(prefix.size()));
    return reply;
}

}  // namespace fairstream::chaincode::marketplace
