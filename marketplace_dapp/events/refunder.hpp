#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "base/metrics.hpp"
#include "marketplace_dapp/events/database.hpp"
#include "marketplace_dapp/events/refund_plan.hpp"

namespace fairstream::marketplace_dapp::events {

/// Sends the refund of purchases that are overdue, on a thread of its own: what was paid for and not delivered, or
/// whose keys never came, returns to the buyer by a transaction that anyone may send. The ledger decides whether it is
/// due, and refunds once, however many ask.
class Refunder {
public:
    /// Sends marketplace.Refund and waits for its commit.
    using Send = std::function<Status(const std::string& purchase)>;
    struct Options {
        std::string did;  // whose key sends
        RefundPlan::Limits plan{};
        std::chrono::milliseconds every{2'000};
    };

    /// `metrics` must outlive it.
    Refunder(std::string connection, Options options, Send send, base::Metrics& metrics);
    /// Returns after the refund at hand.
    ~Refunder();

private:
    void run();
    Status round();

    Database database_;
    const Options options_;
    const Send send_;
    base::Metrics& metrics_;
    RefundPlan plan_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace fairstream::marketplace_dapp::events
