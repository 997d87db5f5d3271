#include "ledger/gateway/endorsing.hpp"

#include <algorithm>
#include <utility>

#include "base/clock.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::gateway {

using namespace std::chrono_literals;

namespace {

constexpr auto kTimeout = 5'000ms;
/// What those who are asked first may take.
constexpr auto kFirstAlone = 100ms;
/// Between attempts; a node that lags by a block is there after the first or second.
constexpr auto kFirstPause = 10ms;
constexpr std::uint32_t kMaxAttempts = 12;
/// If all answered, and nobody says that it lags, they are asked again for 0.6 s.
constexpr std::uint32_t kMaxMismatches = 6;
constexpr std::uint32_t kDoublings = 6;

Tally new_tally(const Parts& parts, const contract::Channel& channel) {
    return Tally(parts.organisation, static_cast<std::size_t>(channel.config().organisations_size()),
                 channel.endorsing_organisations());
}

}  // namespace

Endorsing::Endorsing(const Parts& parts, base::net::LoopScope& scope, QueueOf queue_of, proto::ProposalRequest request,
                     Done done)
    : parts_(parts),
      scope_(scope),
      queue_of_(std::move(queue_of)),
      request_(std::make_shared<const proto::ProposalRequest>(std::move(request))),
      done_(std::move(done)),
      channel_(parts.channels.newest()),
      tally_(new_tally(parts, *channel_)),
      deadline_(base::steady_now() + kTimeout) {}

void Endorsing::start() {
    ask_all();
}

void Endorsing::ask_all() {
    ++attempt_;
    channel_ = parts_.channels.newest();
    tally_ = new_tally(parts_, *channel_);
    rest_ = in_turn();
    const bool enough_first = attempt_ == 1 && request_->private_inputs().empty();
    const auto count = enough_first ? std::min(rest_.size(), channel_->endorsing_organisations()) : rest_.size();
    const auto cut = rest_.begin() + static_cast<std::ptrdiff_t>(count);
    const std::vector<std::string> first(rest_.begin(), cut);
    rest_.erase(rest_.begin(), cut);
    ask(first);
    if (rest_.empty()) return;
    scope_.after(kFirstAlone, [weak = weak_from_this(), attempt = attempt_] {
        const auto self = weak.lock();
        if (self && self->done_ && attempt == self->attempt_) self->ask_rest();
    });
}

/// This node's own first, then those after it, so that each gateway's proposals go together to the same ones. Who keeps
/// others waiting comes last.
std::vector<std::string> Endorsing::in_turn() const {
    std::vector<std::string> out;
    for (const auto& organisation : channel_->config().organisations()) out.push_back(organisation.name());
    if (const auto own = std::ranges::find(out, parts_.organisation); own != out.end())
        std::rotate(out.begin(), own, out.end());
    const auto now = base::steady_now();
    std::ranges::stable_partition(out, [&](const std::string& name) {
        return name == parts_.organisation || !queue_of_(name).is_late(now - kFirstAlone);
    });
    return out;
}

void Endorsing::ask(const std::vector<std::string>& organisations) {
    for (const auto& name : organisations)
        queue_of_(name).ask(request_,
                            [self = shared_from_this(), attempt = attempt_, name](Result<proto::EndorseResult> answer) {
                                self->answered(attempt, name, std::move(answer));
                            });
}

void Endorsing::ask_rest() {
    ask(std::exchange(rest_, {}));
}

void Endorsing::answered(std::uint32_t attempt, const std::string& organisation, Result<proto::EndorseResult> answer) {
    if (!done_ || attempt != attempt_) return;
    const bool refused = !answer;
    tally_.add(organisation, std::move(answer));
    if (refused || tally_.may_heal()) ask_rest();
    conclude();
}

void Endorsing::conclude() {
    switch (tally_.verdict()) {
        case Tally::Verdict::kOpen:
            return;
        case Tally::Verdict::kAgreed:
            return std::exchange(done_, nullptr)(assemble());
        case Tally::Verdict::kRefused:
            return std::exchange(done_, nullptr)(fail(tally_.error()));
        case Tally::Verdict::kSplit:
            break;
    }
    const auto pause = kFirstPause * (1u << std::min(attempt_ - 1, kDoublings));
    const auto most = tally_.lacks_answers() ? kMaxAttempts : kMaxMismatches;
    if (!tally_.may_heal() || attempt_ >= most || base::steady_now() + pause >= deadline_)
        return std::exchange(done_, nullptr)(fail(tally_.error()));
    ++attempt_;  // answers of this attempt that are still out no longer count
    scope_.after(pause, [self = shared_from_this()] { self->ask_all(); });
}

Endorsing::Assembled Endorsing::assemble() const {
    proto::Transaction transaction;
    *transaction.mutable_signed_proposal() = request_->signed_proposal();
    transaction.set_result(tally_.agreed_result());
    for (auto& endorsement : tally_.endorsements()) *transaction.add_endorsements() = std::move(endorsement);
    return {proto::encode(transaction), std::move(*transaction.mutable_result())};
}

}  // namespace fairstream::ledger::gateway
