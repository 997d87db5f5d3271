#include "marketplace_dapp/events/refunder.hpp"

#include "base/clock.hpp"
#include "base/log.hpp"

namespace fairstream::marketplace_dapp::events {

namespace {

constexpr std::size_t kAtOnce = 100;  // besides those that failed before

}  // namespace

Refunder::Refunder(std::string connection, Options options, Send send, base::Metrics& metrics)
    : database_(std::move(connection)),
      options_(std::move(options)),
      send_(std::move(send)),
      metrics_(metrics),
      plan_(options_.did, options_.plan),
      thread_([this] { run(); }) {}

Refunder::~Refunder() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

void Refunder::run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        lock.unlock();
        // Without PostgreSQL, or a read model, there is nothing to do: the event engine says so.
        if (const auto done = round(); !done) base::log_debug("no refunds for now: {}", done.error().message);
        lock.lock();
        wake_.wait_for(lock, options_.every, [this] { return stopping_; });
    }
}

Status Refunder::round() {
    const auto now_us = base::to_us(base::wall_now());
    FS_ASSIGN(const auto rows,
              database_.query("SELECT id, refundable_us FROM market.purchases WHERE refunded_micro IS NULL AND NOT "
                              "settled AND refundable_us < $1::int8 ORDER BY refundable_us LIMIT $2::int8",
                              {std::to_string(now_us), std::to_string(kAtOnce + plan_.tried())}));
    std::vector<RefundPlan::Overdue> overdue;
    for (const auto& row : rows)
        overdue.push_back({.purchase = row[0].value_or(""), .since_us = std::stoull(row[1].value_or("0"))});
    for (const auto& purchase : plan_.next(overdue, now_us)) {
        {
            const std::lock_guard lock(mutex_);
            if (stopping_) return {};
        }
        const auto sent = send_(purchase);
        metrics_.count("fairstream_refunds_sent_total", 1, {{"outcome", sent ? "refunded" : sent.error().code}});
        if (sent) {
            base::log_info("refunded purchase {}", purchase);
            // Until the read model shows it, it counts as tried.
            plan_.failed(purchase, base::to_us(base::wall_now()));
        } else if (!plan_.failed(purchase, base::to_us(base::wall_now()))) {
            base::log_warn("gives up to refund purchase {}: {}", purchase, sent.error().message);
        }
    }
    return {};
}

}  // namespace fairstream::marketplace_dapp::events
