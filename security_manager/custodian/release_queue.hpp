#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace fairstream::security_manager::custodian {

/// A place in the chain: what comes after it is still to be seen.
struct Position {
    std::uint64_t block = 0;
    std::uint32_t transaction = 0;
    std::uint32_t event = 0;
    auto operator<=>(const Position&) const = default;

    /// The last place before this one. The start of the chain has none and stays.
    Position before() const;
    std::string to_text() const;
    static Result<Position> from_text(std::string_view text);  // error: bad_state
};

/// Purchases whose share is to be released: which next, when again after a failure, and how far the chain is done with.
/// A core without I/O. What is finished is forgotten; seeing it again (after a restart) is harmless, since the ledger
/// then does not want it.
class ReleaseQueue {
public:
    struct Limits {
        std::chrono::milliseconds first_retry{500};
        std::chrono::milliseconds last_retry{30'000};
        std::size_t max_pending = 10'000;
    };
    ReleaseQueue(Position done, Limits limits) : followed_(done), limits_(limits) {}

    /// A purchase was sealed at `at`. False, and to be seen again later, if the queue is full: from then on everything
    /// is ignored until `restart`.
    bool add(const Position& at, std::string purchase);
    /// Everything up to `at` was seen.
    void follow(const Position& at);
    /// True when the chain must be followed anew from `done()`, now that there is room.
    bool must_restart() const { return overflowed_ && pending_.empty(); }
    void restart() { overflowed_ = false; }

    /// The purchase to work on now, oldest first; nothing if all must wait.
    std::optional<std::string> due(TimePoint now) const;
    /// When the next one is due; nothing if none waits.
    std::optional<TimePoint> next_due() const;
    void finished(const std::string& purchase);
    /// Again, after a time that doubles up to the limit.
    void failed(const std::string& purchase, TimePoint now);

    /// Everything up to here is finished: where to go on after a restart.
    Position done() const;

private:
    struct Pending {
        std::string purchase;
        TimePoint not_before{};
        std::chrono::milliseconds wait{0};
    };
    std::map<Position, Pending>::iterator find(const std::string& purchase);

    Position followed_;
    Limits limits_;
    std::map<Position, Pending> pending_;
    bool overflowed_ = false;
};

}  // namespace fairstream::security_manager::custodian
