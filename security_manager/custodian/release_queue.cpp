#include "security_manager/custodian/release_queue.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
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

bool ReleaseQueue::add(const Position& at, std::string purchase) {
    if (overflowed_) return false;
    if (pending_.size() >= limits_.max_pending) {
        overflowed_ = true;
        return false;
    }
    if (at > followed_) pending_.try_emplace(at, Pending{std::move(purchase), {}, std::chrono::milliseconds{0}});
    return true;
}

void ReleaseQueue::follow(const Position& at) {
    if (!overflowed_) followed_ = std::max(followed_, at);
}

std::optional<std::string> ReleaseQueue::due(TimePoint now) const {
    for (const auto& [at, pending] : pending_)
        if (pending.not_before <= now) return pending.purchase;
    return std::nullopt;
}

std::optional<TimePoint> ReleaseQueue::next_due() const {
    std::optional<TimePoint> earliest;
    for (const auto& [at, pending] : pending_)
        if (!earliest || pending.not_before < *earliest) earliest = pending.not_before;
    return earliest;
}

std::map<Position, ReleaseQueue::Pending>::iterator ReleaseQueue::find(const std::string& purchase) {
    return std::find_if(pending_.begin(), pending_.end(),
                        [&](const auto& entry) { return entry.second.purchase == purchase; });
}

void ReleaseQueue::finished(const std::string& purchase) {
    if (const auto found = find(purchase); found != pending_.end()) pending_.erase(found);
}

void ReleaseQueue::failed(const std::string& purchase, TimePoint now) {
    const auto found = find(purchase);
    if (found == pending_.end()) return;
    Pending& pending = found->second;
    pending.wait = std::clamp(2 * pending.wait, limits_.first_retry, limits_.last_retry);
    pending.not_before = now + pending.wait;
}

Position ReleaseQueue::done() const {
    return pending_.empty() ? followed_ : std::min(followed_, pending_.begin()->first.before());
}

}  // namespace fairstream::security_manager::custodian
