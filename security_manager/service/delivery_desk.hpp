#pragma once

#include <filesystem>
#include <functional>
#include <optional>

#include "base/net/http.hpp"
#include "base/net/loop_scope.hpp"
#include "base/pool.hpp"
#include "security_manager/service/account_store.hpp"
#include "security_manager/service/grant_source.hpp"

namespace fairstream::security_manager::service {

/// The shell around the delivery book: takes receipts over HTTPS, keeps the records on disk, and brings to the ledger
/// what the buyers do not. On the loop thread; disk and ledger in the pool.
class DeliveryDesk {
public:
    struct Config {
        std::string network;
        std::filesystem::path folder;  // of the records; empty: in memory only
        DeliveryBook::Limits limits = {};
    };
    /// All must outlive the desk's last job; `pool` ends its jobs before the desk goes.
    DeliveryDesk(base::net::Loop& loop, GrantSource& grants, Config config, TimePoint now);
    ~DeliveryDesk();  // writes what has changed

    DeliveryBook& book() { return book_; }
    const DeliveryBook& book() const { return book_; }

    /// The body of POST /v1/sessions/{id}/receipts: {"receipt", "signature", "token_signature"}, each base64: the bytes
    /// of a DeliveryReceipt, pk_C's signature over them, and phi_C. Errors: bad_json, bad_request, and those of
    /// DeliveryBook::accept.
    Status take(const ReceiptTerms& terms, const std::string& body, TimePoint keep_until, TimePoint now);
    /// {"counter", "entries", "ahead", "receipt_window", "receipt"?, "signature"?}: where the purchase stands here.
    std::string standing(const ReceiptTerms& terms) const;

    /// Several times a second.
    void tick(base::Pool& pool, TimePoint now);
    void close() { scope_.close(); }

private:
    void redeem(base::Pool& pool, TimePoint now);
    void write(base::Pool& pool, TimePoint now);

    base::net::LoopScope scope_;
    GrantSource& grants_;
    DeliveryBook book_;
    std::optional<AccountStore> store_;
    bool redeeming_ = false;  // one at a time: the pool has other work
    bool writing_ = false;
    TimePoint next_write_{};
};

}  // namespace fairstream::security_manager::service
