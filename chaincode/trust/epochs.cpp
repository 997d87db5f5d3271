#include "chaincode/trust/epochs.hpp"

#include <chrono>

#include "chaincode/rules/records.hpp"
#include "chaincode/schema/events.pb.h"
#include "chaincode/schema/names.hpp"
#include "chaincode/trust/settings.hpp"

namespace fairstream::chaincode::trust {

namespace names = schema::names;
using ledger::contract::Context;

namespace {

constexpr std::string_view kOpen = "open";
// A block may be this much later than the proposals in it: whoever seals cannot shorten the others' time to reveal.
constexpr std::chrono::seconds kLongestWay{60};

std::string epoch_key(std::uint64_t number) {
    return "epoch/" + rules::sortable(number);
}

/// The guard on block time is what counts; refusing early spares a useless transaction.
Status check_length(Context& context, const schema::TrustEpoch& epoch, const schema::TrustSettings& settings) {
    const auto ends = base::from_us(epoch.started_at_us()) + std::chrono::seconds(settings.epoch_s());
    if (context.created_at() <= ends)
        return fail("too_early", "trust epoch " + std::to_string(epoch.epoch()) + " lasts until " +
                                     base::to_rfc3339(ends) + " at least");
    context.require_after(ends);
    return {};
}

}  // namespace

Result<schema::TrustEpochReply> seal_epoch(Context& context, const schema::SealEpochRequest& request) {
    FS_ASSIGN(auto epoch, open_epoch(context));
    if (request.epoch() != epoch.epoch())
        return fail("wrong_epoch", "the open trust epoch is " + std::to_string(epoch.epoch()) + ", not " +
                                       std::to_string(request.epoch()));
    FS_ASSIGN(const auto settings, settings_now(context));
    FS_TRY(check_length(context, epoch, settings));
    const auto now = context.created_at();
    epoch.set_sealed_at_us(base::to_us(now));
    epoch.set_reveal_until_us(base::to_us(now + kLongestWay + std::chrono::seconds(settings.reveal_s())));
    FS_TRY(store_sealed(context, epoch));

    schema::TrustEpoch next;
    next.set_epoch(epoch.epoch() + 1);
    next.set_started_at_us(epoch.sealed_at_us());
    FS_TRY(rules::store(context, kOpen, next));
    schema::EpochSealed event;
    event.set_epoch(epoch.epoch());
    event.set_reveal_until_us(epoch.reveal_until_us());
    rules::emit(context, names::trust::kEpochSealed, event);
    schema::TrustEpochReply reply;
    *reply.mutable_epoch() = epoch;
    return reply;
}

Result<schema::TrustEpochReply> get_epoch(Context& context, const schema::GetTrustEpochRequest& request) {
    schema::TrustEpochReply reply;
    FS_ASSIGN(*reply.mutable_epoch(), open_epoch(context));
    if (request.epoch() == 0 || request.epoch() == reply.epoch().epoch()) return reply;
    FS_ASSIGN(*reply.mutable_epoch(), sealed_epoch(context, request.epoch()));
    return reply;
}

Result<schema::TrustEpoch> open_epoch(Context& context) {
    FS_ASSIGN(auto found, rules::load<schema::TrustEpoch>(context, kOpen));
    if (found) return std::move(*found);
    schema::TrustEpoch first;
    first.set_epoch(1);
    return first;
}

Result<schema::TrustEpoch> sealed_epoch(Context& context, std::uint64_t number) {
    FS_ASSIGN(auto found, rules::load<schema::TrustEpoch>(context, epoch_key(number)));
    if (!found) return fail("not_sealed", "trust epoch " + std::to_string(number) + " is not sealed");
    return std::move(*found);
}

Status store_sealed(Context& context, const schema::TrustEpoch& epoch) {
    return rules::store(context, epoch_key(epoch.epoch()), epoch);
}

}  // namespace fairstream::chaincode::trust
