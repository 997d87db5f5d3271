#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

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

/// What a sealed event asks of a custodian.
struct Job {
    enum class Kind {
        kRelease,   // the share of one key epoch to one purchase
        kPurchase,  // a purchase of time: a release for every key epoch that meets it, once that time has begun
        kKeyEpoch,  // an opened key epoch: a release for every purchase of time that it meets
    };
    Kind kind = Kind::kRelease;
    std::string id;               // the purchase; of kKeyEpoch: the offer
    std::uint32_t key_epoch = 0;  // of kRelease 0: that of the purchase's batch; of kPurchase: those after this one
    std::string after;            // of kKeyEpoch: the cursor of the next page

    bool operator==(const Job&) const = default;
};

/// What is to be released: which next, when again after a failure, and how far the chain is done with. A core without
/// I/O. What is finished is forgotten; seeing it again (after a restart) is harmless, since the ledger then does not
/// want it.
class ReleaseQueue {
public:
    struct Limits {
        std::chrono::milliseconds first_retry{500};
        std::chrono::milliseconds last_retry{30'000};
        std::size_t max_pending = 10'000;   // jobs; one that makes others waits for room
        std::size_t max_waiting = 100'000;  // jobs whose time has not come, besides those
    };
    ReleaseQueue(Position done, Limits limits) : followed_(done), limits_(limits) {}

    /// An event that was sealed at `at` asks for `job`. False, and to be seen again later, if the queue is full: from
    /// then on everything is ignored until `restart`.
    bool add(const Position& at, Job job);
    /// Everything up to `at` was seen.
    void follow(const Position& at);
    Position followed() const { return followed_; }
    /// True when the chain must be followed anew from `followed()`, now that there is room.
    bool must_restart() const { return overflowed_ && pending_.size() <= limits_.max_pending / 2; }
    void restart() { overflowed_ = false; }

    /// Names a job that was taken. Jobs of one event share its place.
    struct Ticket {
        Position at;
        std::uint64_t number = 0;
        auto operator<=>(const Ticket&) const = default;
    };
    /// The job to work on now, oldest first; it is no one else's until one of the four below. Nothing if all must wait.
    std::optional<std::pair<Ticket, Job>> take(TimePoint now);
    /// When to ask again; nothing if nothing waits for a time.
    std::optional<TimePoint> next_due() const;

    void finished(const Ticket& ticket);
    /// Again, after a time that doubles up to the limit.
    void failed(const Ticket& ticket, TimePoint now);
    /// Again at `then`: its time has not come. Until then it takes no one's place in the queue: time can be bought
    /// ahead for next to nothing. Of too many that wait, the one whose time comes last is forgotten.
    void postponed(const Ticket& ticket, TimePoint then);
    /// The job became `jobs`, and `rest` is left of it.
    void split(const Ticket& ticket, std::vector<Job> jobs, std::optional<Job> rest);

    /// Everything up to here is finished: where to go on after a restart.
    Position done() const;

private:
    struct Pending {
        Job job;
        TimePoint not_before{};
        std::chrono::milliseconds wait{0};
        bool taken = false;
    };
    bool has_room() const { return pending_.size() <= limits_.max_pending; }

    void wake_waiting(TimePoint now);

    Position followed_;
    Limits limits_;
    std::map<Ticket, Pending> pending_;
    std::map<std::pair<TimePoint, Ticket>, Job> waiting_;
    std::set<Ticket> waiting_tickets_;  // of waiting_
    std::uint64_t next_number_ = 1;
    bool overflowed_ = false;
};

}  // namespace fairstream::security_manager::custodian
