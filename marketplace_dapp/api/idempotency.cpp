#include "marketplace_dapp/api/idempotency.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace fairstream::marketplace_dapp::api {

namespace {

constexpr std::size_t kMaxKeyBytes = 255;
constexpr std::uint64_t kSweepEveryUs = 60'000'000;

bool is_printable(char c) {
    return c >= 0x20 && c < 0x7f;
}

}  // namespace

Status IdempotencyKeys::hold(const std::string& creator, const std::string& key, const std::string& transaction,
                             std::uint64_t now_us) {
    if (key.empty() || key.size() > kMaxKeyBytes || !std::ranges::all_of(key, is_printable))
        return fail("bad_idempotency_key", "Idempotency-Key: 1 to 255 printable ASCII characters");
    const auto expires_us = now_us + static_cast<std::uint64_t>(std::chrono::microseconds(kLife).count());
    FS_ASSIGN(
        const auto rows,
        database_.query("INSERT INTO dapp.idempotency_keys AS k VALUES ($1, $2, $3, $4) ON CONFLICT (creator, key) "
                        "DO UPDATE SET transaction = CASE WHEN k.expires_us < $5::int8 THEN excluded.transaction "
                        "ELSE k.transaction END, expires_us = CASE WHEN k.expires_us < $5::int8 THEN "
                        "excluded.expires_us ELSE k.expires_us END RETURNING transaction",
                        {creator, key, transaction, std::to_string(expires_us), std::to_string(now_us)}));
    sweep(now_us);
    const auto held = rows.empty() ? transaction : rows.front().front().value_or("");
    if (held == transaction) return {};
    return fail("idempotency_key_reused", "Idempotency-Key: it came with another transaction, " + held);
}

void IdempotencyKeys::sweep(std::uint64_t now_us) {
    auto last = swept_us_.load();
    if (now_us - last < kSweepEveryUs || !swept_us_.compare_exchange_strong(last, now_us)) return;
    const auto swept = database_.query(
        "DELETE FROM dapp.idempotency_keys WHERE expires_us < greatest($1::int8, (SELECT expires_us FROM "
        "dapp.idempotency_keys ORDER BY expires_us DESC OFFSET $2::int8 LIMIT 1))",
        {std::to_string(now_us), std::to_string(kMaxKeys)});
    if (!swept) base::log_warn("old idempotency keys stay for now: {}", swept.error().message);
}

}  // namespace fairstream::marketplace_dapp::api
