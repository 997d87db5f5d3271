#include "security_manager/custodian/release_queue.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <limits>

namespace fairstream::security_manager::custodian {

namespace {

constexpr auto kLast = std::numeric_limits<std::uint32_t>::max();
constexpr std::string_view kHeader = "fairstream-custodian/1 ";

template <typename Number>
bool take_number(std::string_view& text, char end, Number& out) {
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc() || rest == text.data() + text.size() || *rest != end) return false;
    text.remove_prefix(static_cast<std::size_t>(rest - text.data()) + 1);
    return true;
}

}  // namespace

Position Position::before() const {
    if (event > 0) return {block, transaction, event - 1};
    if (transaction > 0) return {block, transaction - 1, kLast};
    if (block > 0) return {block - 1, kLast, kLast};
    return *this;
}

std::string Position::to_text() const {
    return fmt::format("{}{} {} {}\n", kHeader, block, transaction, event);
}

Result<Position> Position::from_text(std::string_view text) {
    Position out;
    if (text.starts_with(kHeader)) {
        text.remove_prefix(kHeader.size());
        if (take_number(text, ' ', out.block) && take_number(text, ' ', out.transaction) &&
            take_number(text, '\n', out.event) && text.empty())
            return out;
    }
    return fail("bad_state", "the custodian's state file is damaged: delete it, and the chain is read from the start");
}

bool ReleaseQueue::add(const Position& at, Job job) {
    if (overflowed_) return false;
    if (pending_.size() >= limits_.max_pending) {
        overflowed_ = true;
        return false;
    }
    if (at > followed_) pending_.try_emplace(Ticket{at, 0}, Pending{.job = std::move(job)});
    return true;
}

void ReleaseQueue::follow(const Position& at) {
    if (!overflowed_) followed_ = std::max(followed_, at);
}

/// Those whose time has come are work like any other.
void ReleaseQueue::wake_waiting(TimePoint now) {
    while (!waiting_.empty() && waiting_.begin()->first.first <= now && pending_.size() < limits_.max_pending) {
        const auto due = waiting_.begin();
        const Ticket ticket = due->first.second;
        pending_.try_emplace(ticket, Pending{.job = std::move(due->second)});
        waiting_tickets_.erase(ticket);
        waiting_.erase(due);
    }
}

std::optional<std::pair<ReleaseQueue::Ticket, Job>> ReleaseQueue::take(TimePoint now) {
    wake_waiting(now);
    for (auto& [ticket, pending] : pending_) {
        const bool makes_others = pending.job.kind != Job::Kind::kRelease;
        if (pending.taken || pending.not_before > now || (makes_others && !has_room())) continue;
        pending.taken = true;
        return std::pair{ticket, pending.job};
    }
    return std::nullopt;
}

std::optional<TimePoint> ReleaseQueue::next_due() const {
    std::optional<TimePoint> earliest;
    if (!waiting_.empty()) earliest = waiting_.begin()->first.first;
    for (const auto& [ticket, pending] : pending_)
        if (!pending.taken && (!earliest || pending.not_before < *earliest)) earliest = pending.not_before;
    return earliest;
}

void ReleaseQueue::finished(const Ticket& ticket) {
    pending_.erase(ticket);
}

void ReleaseQueue::failed(const Ticket& ticket, TimePoint now) {
    auto& pending = pending_.at(ticket);
    pending.wait = std::clamp(2 * pending.wait, limits_.first_retry, limits_.last_retry);
    pending.not_before = now + pending.wait;
    pending.taken = false;
}

void ReleaseQueue::postponed(const Ticket& ticket, TimePoint then) {
    const auto found = pending_.find(ticket);
    waiting_.emplace(std::pair{then, ticket}, std::move(found->second.job));
    waiting_tickets_.insert(ticket);
    pending_.erase(found);
    if (waiting_.size() <= limits_.max_waiting) return;
    const auto last = std::prev(waiting_.end());
    waiting_tickets_.erase(last->first.second);
    waiting_.erase(last);
}

void ReleaseQueue::split(const Ticket& ticket, std::vector<Job> jobs, std::optional<Job> rest) {
    for (auto& job : jobs) pending_.try_emplace(Ticket{ticket.at, next_number_++}, Pending{.job = std::move(job)});
    if (rest)
        pending_.at(ticket) = Pending{.job = std::move(*rest)};
    else
        pending_.erase(ticket);
}

Position ReleaseQueue::done() const {
    auto done = followed_;
    if (!pending_.empty()) done = std::min(done, pending_.begin()->first.at.before());
    if (!waiting_tickets_.empty()) done = std::min(done, waiting_tickets_.begin()->at.before());
    return done;
}

}  // namespace fairstream::security_manager::custodian
