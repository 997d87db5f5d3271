#include "chaincode/marketplace/key_epochs.hpp"

#include <algorithm>
#include <charconv>

#include "chaincode/marketplace/draft.hpp"
#include "chaincode/marketplace/offers.hpp"
#include "chaincode/marketplace/purchases.hpp"
#include "chaincode/marketplace/uploads.hpp"
#include "chaincode/rules/arguments.hpp"
#include "chaincode/rules/records.hpp"
#include "chaincode/schema/events.pb.h"
#include "chaincode/schema/names.hpp"

namespace fairstream::chaincode::marketplace {

namespace names = schema::names;
using ledger::contract::Context;

namespace {

constexpr std::uint64_t kLeastLengthUs = 1'000'000;

std::string epoch_key(const std::string& offer, std::uint32_t number) {
    return "keyepoch/" + offer + "/" + rules::sortable(number);
}
std::string newest_key(const std::string& offer) {
    return "newest/" + offer;
}

Status store_epoch(Context& context, const std::string& offer, const schema::KeyEpoch& epoch) {
    return rules::store(context, epoch_key(offer, epoch.number()), epoch);
}

/// Not before the one before has begun, and not so many ahead of the batches that none could be recorded.
Status check_place(Context& context, const schema::Offer& offer, std::uint32_t number,
                   const schema::KeyEpoch& previous) {
    if (base::to_us(context.created_at()) < std::max(previous.opened_at_us() + kLeastLengthUs, previous.ended_at_us()))
        return fail("too_early", "key epoch " + std::to_string(previous.number()) + " has lasted less than a second");
    FS_ASSIGN(const auto last, last_batch(context, offer));
    if (number - last.key_epoch() <= kMaxWaitingEpochs) return {};
    return fail("too_many_waiting", "close a batch first: " + std::to_string(kMaxWaitingEpochs) +
                                        " key epochs were opened since the last one");
}

/// From now on the epoch before covers no more time.
Status close_previous(Context& context, const std::string& offer, schema::KeyEpoch previous) {
    if (previous.number() == 0 || previous.closed_at_us() != 0) return {};
    previous.set_closed_at_us(base::to_us(context.created_at()));
    return store_epoch(context, offer, previous);
}

/// The first epoch of 1..newest of which frames may still have been written at `from_us`; newest + 1 if there is none.
Result<std::uint32_t> first_live_at(Context& context, const std::string& offer, std::uint32_t newest,
                                    std::uint64_t from_us) {
    std::uint32_t low = 1;
    std::uint32_t high = newest + 1;
    while (low < high) {
        const auto middle = low + (high - low) / 2;
        FS_ASSIGN(const auto epoch, find_key_epoch(context, offer, middle));
        if (epoch.ended_at_us() == 0 || epoch.ended_at_us() > from_us)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

}  // namespace

Result<schema::OpenKeyEpochReply> open_key_epoch(Context& context, const schema::OpenKeyEpochRequest& request) {
    FS_ASSIGN(const auto offer, own_offer(context, request.offer()));
    if (offer.draft().mode() != kStream) return fail("not_a_stream", "only offers of mode 'stream' have key epochs");
    FS_ASSIGN(const auto newest, newest_key_epoch(context, offer.id()));
    schema::OpenKeyEpochReply reply;
    auto& epoch = *reply.mutable_key_epoch();
    if (request.key_epoch() >= 1 && request.key_epoch() <= newest) {
        FS_ASSIGN(epoch, find_key_epoch(context, offer.id(), request.key_epoch()));
        return reply;
    }
    if (request.key_epoch() != newest + 1)
        return fail("out_of_sequence", "the next key epoch is number " + std::to_string(newest + 1));
    schema::KeyEpoch previous;
    if (newest > 0) {
        FS_ASSIGN(previous, find_key_epoch(context, offer.id(), newest));
    }
    FS_TRY(check_place(context, offer, request.key_epoch(), previous));
    FS_TRY(check_live_grant(context, offer, request.grant()));
    FS_TRY(check_dealt(context, offer, request.key_epoch()));

    epoch.set_stream_id(offer.stream_id());
    epoch.set_number(request.key_epoch());
    epoch.set_opened_at_us(base::to_us(context.created_at()));
    FS_TRY(close_previous(context, offer.id(), previous));
    FS_TRY(store_epoch(context, offer.id(), epoch));
    FS_TRY(context.put(newest_key(offer.id()), as_bytes(std::to_string(epoch.number()))));
    schema::KeyEpochOpened event;
    event.set_stream_id(offer.stream_id());
    event.set_key_epoch(epoch.number());
    event.set_offer(offer.id());
    rules::emit(context, names::marketplace::kKeyEpochOpened, event);
    return reply;
}

Result<schema::ListKeyEpochsReply> list_key_epochs(Context& context, const schema::ListKeyEpochsRequest& request) {
    FS_ASSIGN(const auto purchase, find_purchase(context, request.purchase()));
    if (!purchase.has_window()) return fail("not_a_stream", "the purchase is of a batch, not of time");
    const auto& offer = purchase.agreement().offer();
    FS_ASSIGN(const auto newest, newest_key_epoch(context, offer));
    FS_ASSIGN(auto number, first_live_at(context, offer, newest, purchase.window().from_us()));
    if (request.after() >= number) number = request.after() < newest ? request.after() + 1 : newest + 1;
    const auto limit = static_cast<int>(rules::page_size(request.limit()));
    schema::ListKeyEpochsReply reply;
    for (; number <= newest && reply.key_epochs_size() < limit; ++number) {
        FS_ASSIGN(auto epoch, find_key_epoch(context, offer, number));
        if (!meets(epoch, purchase.window())) break;
        *reply.add_key_epochs() = std::move(epoch);
    }
    return reply;
}

Result<schema::KeyEpoch> get_key_epoch(Context& context, const schema::GetKeyEpochRequest& request) {
    FS_ASSIGN(const auto purchase, find_purchase(context, request.purchase()));
    if (!purchase.has_window()) return fail("not_a_stream", "the purchase is of a batch, not of time");
    auto epoch = find_key_epoch(context, purchase.agreement().offer(), request.key_epoch());
    if (!epoch && epoch.error().code != "not_found") return fail(epoch.error());
    if (epoch && meets(*epoch, purchase.window())) return epoch;
    return fail("not_covered", "key epoch " + std::to_string(request.key_epoch()) +
                                   " was not open in the time that this purchase covers");
}

Result<std::uint32_t> newest_key_epoch(Context& context, const std::string& offer) {
    FS_ASSIGN(const auto entry, context.get(newest_key(offer)));
    if (!entry) return 0;
    const auto digits = base::to_string(entry->value);
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc{} || end != digits.data() + digits.size())
        return fail("corrupt_state", "the newest key epoch is no number");
    return number;
}

Result<schema::KeyEpoch> find_key_epoch(Context& context, const std::string& offer, std::uint32_t number) {
    return rules::require<schema::KeyEpoch>(context, epoch_key(offer, number), "key epoch: " + std::to_string(number));
}

bool meets(const schema::KeyEpoch& epoch, const schema::Window& window) {
    return epoch.opened_at_us() < window.until_us() &&
           (epoch.ended_at_us() == 0 || epoch.ended_at_us() > window.from_us());
}

Result<std::optional<schema::KeyEpoch>> last_opened_before(Context& context, const std::string& offer,
                                                           std::uint64_t until_us) {
    std::uint32_t low = 0;
    FS_ASSIGN(auto high, newest_key_epoch(context, offer));
    std::optional<schema::KeyEpoch> last;
    while (low < high) {
        const auto middle = low + (high - low + 1) / 2;
        FS_ASSIGN(auto epoch, find_key_epoch(context, offer, middle));
        if (epoch.opened_at_us() < until_us) {
            last = std::move(epoch);
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return last;
}

Status close_key_epoch(Context& context, const std::string& offer, const schema::Batch& last, schema::Batch& batch) {
    const auto now = base::to_us(context.created_at());
    if (now < last.recorded_at_us()) return fail("too_early", "the batch before was recorded later than now");
    for (auto number = last.key_epoch() + 1; number <= batch.key_epoch(); ++number) {
        auto epoch = find_key_epoch(context, offer, number);
        if (!epoch && epoch.error().code == "not_found")
            return fail("not_opened", "key epoch " + std::to_string(number) + " was not opened (OpenKeyEpoch)");
        if (!epoch) return fail(epoch.error());
        if (now <= epoch->opened_at_us())
            return fail("too_early", "key epoch " + std::to_string(number) + " was opened later than now");
        if (epoch->closed_at_us() == 0) epoch->set_closed_at_us(now);
        epoch->set_ended_at_us(now);
        if (number == batch.key_epoch()) {
            epoch->set_batch(batch.number());
            batch.set_from_us(epoch->opened_at_us());
            batch.set_until_us(epoch->closed_at_us());
        }
        FS_TRY(store_epoch(context, offer, *epoch));
    }
    return {};
}

}  // namespace fairstream::chaincode::marketplace
