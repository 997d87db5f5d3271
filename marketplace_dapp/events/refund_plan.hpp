#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace fairstream::marketplace_dapp::events {

/// When to send the refund of which purchase. Anyone may send one, and several DApps do: each waits a while of its own
/// after the deadline, so that one of them is first and the others see it done. No I/O; time arrives as an argument.
class RefundPlan {
public:
    struct Limits {
        std::chrono::microseconds spread{10'000'000};       // the longest that a DApp leaves to the others
        std::chrono::microseconds first_pause{10'000'000};  // after a failure; doubles with each
        std::uint32_t max_attempts = 8;
    };
    struct Overdue {
        std::string purchase;
        std::uint64_t since_us = 0;
    };

    RefundPlan(std::string did, Limits limits) : did_(std::move(did)), limits_(limits) {}

    /// Those of `overdue`, all that the read model knows, that are to be sent now. Who is not among them any more is
    /// forgotten.
    std::vector<std::string> next(const std::vector<Overdue>& overdue, std::uint64_t now_us);
    /// True if it will be tried again.
    bool failed(const std::string& purchase, std::uint64_t now_us);
    std::size_t tried() const { return attempts_.size(); }

private:
    struct Attempts {
        std::uint32_t count = 0;
        std::uint64_t not_before_us = 0;
    };
    std::uint64_t own_delay_us(const std::string& purchase) const;

    const std::string did_;
    const Limits limits_;
    std::map<std::string, Attempts> attempts_;
};

}  // namespace fairstream::marketplace_dapp::events
