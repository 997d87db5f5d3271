#include "ledger/gateway/endorsing.hpp"

#include <utility>

#include "base/clock.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::gateway {

using namespace std::chrono_literals;

namespace {

constexpr auto kTimeout = 5'000ms;
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
    for (const auto& organisation : channel_->config().organisations())
        queue_of_(organisation.name())
            .ask(request_,
                 [self = shared_from_this(), attempt = attempt_, name = organisation.name()](
                     Result<proto::EndorseResult> answer) { self->answered(attempt, name, std::move(answer)); });
}

void Endorsing::answered(std::uint32_t attempt, const std::string& organisation, Result<proto::EndorseResult> answer) {
    if (!done_ || attempt != attempt_) return;
    tally_.add(organisation, std::move(answer));
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

Bytes Endorsing::assemble() const {
    proto::Transaction transaction;
    *transaction.mutable_signed_proposal() = request_->signed_proposal();
    transaction.set_result(tally_.agreed_result());
    for (auto& endorsement : tally_.endorsements()) *transaction.add_endorsements() = std::move(endorsement);
    return proto::encode(transaction);
}

}  // namespace fairstream::ledger::gateway
