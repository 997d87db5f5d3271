#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "chaincode/schema/security_manager.pb.h"
#include "security_manager/gate/delivery_account.hpp"
#include "security_manager/gate/session.hpp"

namespace fairstream::security_manager::service {

/// Of a grant, what a delivery receipt is held against.
struct ReceiptTerms {
    std::string grant;
    std::string purchase;
    gate::VerifyingKey holder;           // pk_C
    std::vector<std::string> operators;  // that were drawn
    std::uint64_t first = 0;             // sequence range, inclusive
    std::uint64_t last = 0;
    std::uint32_t window = 0;  // W
};

/// What this operator served under each purchase, and the newest receipt that the buyer signed: how far it may serve
/// on, and what it is to redeem on the ledger if the buyer does not. A core without I/O; its records survive a restart
/// if their owner keeps them (AccountStore). Touched by one thread.
class DeliveryBook {
public:
    struct Limits {
        std::size_t max_accounts = 100'000;
        std::size_t max_receipt_bytes = 16u << 10;   // as the ledger takes them
        std::chrono::seconds redeem_after{60};       // since the newest receipt: the buyer has fallen silent
        std::chrono::seconds redeem_at_latest{600};  // since the oldest one that is not redeemed
        std::chrono::seconds first_retry{10};        // doubled each time
        std::uint32_t max_tries = 16;                // for a week: of live streams, until a batch is recorded
    };
    DeliveryBook(std::string network, Limits limits) : network_(std::move(network)), limits_(limits) {}

    /// `name`: Session::meter(). The last of [first, last] up to which may be served; first - 1: none before a receipt.
    std::uint64_t reach(const std::string& name, std::uint32_t window, std::uint64_t first, std::uint64_t last);
    void serve(const std::string& name, std::uint64_t first, std::uint64_t last, TimePoint keep_until);
    /// nullptr: nothing was served or receipted.
    const gate::DeliveryAccount* account(const std::string& name) const;

    /// Takes a receipt: signed by the buyer's key, for this purchase, later than the one before and taking nothing
    /// back, naming operators that were drawn and entries that were bought, each once; with phi_C, the signature of the
    /// download token, which the ledger will ask for. The same one again changes nothing. Errors: bad_receipt,
    /// foreign_receipt, operator_not_drawn, stale_receipt, too_many_accounts.
    Status accept(const ReceiptTerms& terms, const chaincode::schema::DownloadDataStreamRequest& request,
                  TimePoint keep_until, TimePoint now);
    /// The newest, nullptr if there is none.
    const chaincode::schema::SignedDeliveryReceipt* newest(const std::string& purchase) const;

    struct Redemption {
        std::string name;
        std::uint64_t counter = 0;
        chaincode::schema::DownloadDataStreamRequest request;
    };
    /// What is to be brought to the ledger now; each is given out once until `redeemed` answers it.
    std::vector<Redemption> due(TimePoint now, std::size_t at_most);
    /// The ledger's answer. That it knows all of the receipt, or that the purchase has ended, is as good as taking it.
    void redeemed(const std::string& name, std::uint64_t counter, const Status& answer, TimePoint now);

    /// Forgets what is no longer to be kept and not to be redeemed.
    void expire(TimePoint now);

    struct Record {
        std::string name;
        Bytes bytes;  // empty: it is forgotten
    };
    /// What has changed since the last call.
    std::vector<Record> take_changed();
    /// A record of an earlier life. Error: bad_record.
    Status restore(ByteView record, TimePoint now);

private:
    struct Account {
        gate::DeliveryAccount delivery;
        TimePoint keep_until{};
        chaincode::schema::DownloadDataStreamRequest request;  // with the newest receipt; empty: none
        std::uint64_t counter = 0;                             // of that one
        std::uint64_t redeemed = 0;                            // counter that the ledger has, or that was given up
        TimePoint newest_at{};
        TimePoint oldest_open_at{};  // of those that are not redeemed
        TimePoint retry_at{};
        std::uint32_t tries = 0;
        bool asking = false;
    };
    Account* open(const std::string& name);
    Status check(const ReceiptTerms& terms, const chaincode::schema::DownloadDataStreamRequest& request,
                 const chaincode::schema::DeliveryReceipt& receipt) const;
    static Bytes encode(const std::string& name, const Account& account);

    const std::string network_;
    const Limits limits_;
    std::map<std::string, Account> accounts_;
    std::set<std::string> changed_;
};

}  // namespace fairstream::security_manager::service
