#include "marketplace_dapp/client/subscription.hpp"

#include <algorithm>
#include <future>
#include <set>
#include <utility>

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "identity/crypto/frame.hpp"
#include "mqtt_bridge/client/live_reader.hpp"

namespace fairstream::marketplace_dapp::client {

namespace fs = std::filesystem;
namespace schema = chaincode::schema;
namespace crypto = identity::crypto;
using ledger::proto::as_field;
using mqtt_bridge::client::LiveFrame;
using mqtt_bridge::client::LiveReader;
using namespace std::chrono_literals;

namespace {

constexpr auto kTake = 50ms;
constexpr auto kKeyWait = 200ms;
constexpr auto kReceiptEvery = 500ms;
constexpr std::uint64_t kReceiptEntries = 200;  // well below W
constexpr auto kSettlePoll = 100ms;
constexpr auto kRenewAhead = 5s;
constexpr auto kRenewAheadAtMost = 60s;
constexpr auto kLeastOperatorTimeout = 100ms;

Status bad_frame(std::uint64_t sequence, const std::string& why) {
    return fail("bad_frame", "frame " + std::to_string(sequence) + ": " + why);
}

}  // namespace

struct Subscription::Run {
    Run(Connection& c, const ledger::client::Identity& b, const SubscribeRequest& r, Place& o,
        const schema::Purchase& p, std::vector<std::string> names, ReadLog opened)
        : connection(c),
          buyer(b),
          request(r),
          place(o),
          purchase(p),
          operators(std::move(names)),
          log(std::move(opened)),
          watch(c, b, p) {}

    bool stopped() const { return request.stop && request.stop(); }
    Status read(const schema::GrantReply& grant);
    Status read_some();
    Status take(const std::vector<LiveFrame>& frames);
    Status take(const LiveFrame& frame);
    Result<crypto::custody::StreamKey> key_of(std::uint32_t key_epoch, std::uint64_t sequence);
    Status note();
    Status send_receipt(bool now);
    mqtt_bridge::client::Receipted sign_receipt();
    Status check_batches();
    Status settle();
    void renew_when_due();
    void tell();

    Connection& connection;
    const ledger::client::Identity& buyer;
    const SubscribeRequest& request;
    Place& place;
    const schema::Purchase purchase;
    const std::vector<std::string> operators;
    ReadLog log;
    PurchaseWatch watch;
    std::unique_ptr<LiveReader> reader;

    std::future<Result<std::string>> renewing;
    std::map<std::uint32_t, Bytes> subkeys;  // encryption subkeys of the epochs that are read
    std::vector<ReadLog::Entry> taken;       // given to the sink, not yet noted
    std::uint64_t next = 0;
    std::optional<mqtt_bridge::client::Receipted> receipt;  // the newest
    bool sent = false;                                      // an operator has it
    std::uint64_t receipted_entries = 0;
    std::chrono::microseconds receipted_at{};
    std::uint64_t counter = 0;
    std::set<std::string> rejected;  // operators whose answer to the frame that comes next was wrong
    bool over = false;
    bool interrupted = false;
    SubscriptionStatus status;
};

Subscription::Subscription(Connection& connection, const ledger::client::Identity& buyer, SubscribeRequest request)
    : connection_(connection), buyer_(buyer), request_(std::move(request)) {}
Subscription::~Subscription() = default;

Result<Subscription::Read> Subscription::read(const schema::Purchase& purchase, const schema::GrantReply& grant) {
    if (request_.operator_timeout < kLeastOperatorTimeout)
        return fail("bad_options", "an operator is given 100 ms at least to answer");
    if (purchase.buyer() != buyer_.did)
        return fail("not_buyer", "purchase " + purchase.id() + " is " + purchase.buyer() + "'s");
    if (!purchase.has_window())
        return fail("not_a_stream", "purchase " + purchase.id() + " is of a batch: `fairstream fetch` fetches it");
    const auto& drawn = grant.grant().operators();
    FS_ASSIGN(auto log, ReadLog::open(request_.state / "reads" / purchase.id(), {drawn.begin(), drawn.end()}));
    if (log.served().entries() > 0) place_.at = log.output_bytes();
    runs_.push_back(std::make_unique<Run>(connection_, buyer_, request_, place_, purchase,
                                          std::vector<std::string>(drawn.begin(), drawn.end()), std::move(log)));
    auto& run = *runs_.back();
    FS_TRY(run.read(grant));
    Read read{.over = run.over, .stopped = run.interrupted, .renewal = {}};
    if (run.renewing.valid()) {
        FS_ASSIGN(read.renewal, run.renewing.get());
    }
    return read;
}

Result<std::vector<Subscribed>> Subscription::finish() {
    std::vector<Subscribed> all;
    for (const auto& run : runs_) {
        FS_TRY(run->settle());
        schema::GetPurchaseRequest get;
        get.set_purchase(run->purchase.id());
        FS_ASSIGN(auto reply, ledger::client::query<schema::PurchaseReply>(connection_.ledger(), buyer_, "marketplace",
                                                                           "GetPurchase", get));
        all.push_back({.purchase = std::move(*reply.mutable_purchase()),
                       .status = run->status,
                       .over = run->over,
                       .stopped = run->interrupted,
                       .faults = run->reader ? run->reader->faults() : std::vector<std::string>()});
    }
    return all;
}

Status Subscription::Run::read(const schema::GrantReply& grant) {
    next = log.next_sequence();
    status.next_sequence = next;
    if (!log.epochs().empty()) watch.forget_before(log.epochs().begin()->first);
    over = base::to_us(base::wall_now()) >= purchase.deadlines().delivery_us();  // no operator serves it any more
    if (!over)
        reader = std::make_unique<LiveReader>(
            mqtt_bridge::client::LiveReaderOptions{.network = connection.profile().network,
                                                   .grant = purchase.grant(),
                                                   .purchase = purchase.id(),
                                                   .holder = buyer.key,
                                                   .stream_id = purchase.stream_id(),
                                                   .next_sequence = next,
                                                   .until = base::from_us(purchase.window().until_us()),
                                                   .operators = endpoints(grant, purchase.id()),
                                                   .trusted_roots = connection.profile().trusted_roots,
                                                   .timeout = request.operator_timeout});
    FS_TRY(send_receipt(/*now=*/true));  // of what an earlier run has read
    while (!over && !interrupted) FS_TRY(read_some());
    return send_receipt(/*now=*/true);
}

Status Subscription::Run::read_some() {
    const auto frames = reader->take(kTake);
    if (!frames && frames.error().code != "window_over") return fail(frames.error());
    over = !frames;
    if (frames) FS_TRY(take(*frames));
    FS_TRY(send_receipt(/*now=*/reader->receipt_wanted()));
    FS_TRY(check_batches());
    renew_when_due();
    interrupted = interrupted || stopped();
    tell();
    return {};
}

/// Ahead of the end, so that the time that follows has no hole.
void Subscription::Run::renew_when_due() {
    if (!request.renew || renewing.valid()) return;
    const std::chrono::microseconds length(purchase.window().until_us() - purchase.window().from_us());
    const auto ahead = std::clamp<std::chrono::microseconds>(length / 4, kRenewAhead, kRenewAheadAtMost);
    if (base::wall_now() + ahead < base::from_us(purchase.window().until_us())) return;
    renewing = std::async(std::launch::async, [this] { return request.renew(purchase); });
}

Status Subscription::Run::take(const std::vector<LiveFrame>& frames) {
    for (const auto& frame : frames) {
        const Status took = take(frame);
        if (took && !interrupted) continue;
        FS_TRY(note());  // what came before it stands
        if (interrupted) return {};
        if (took.error().code != "bad_frame" || rejected.size() + 1 >= operators.size()) return took;
        // It may be the operator's lie: another is asked for this frame and all that follow.
        rejected.insert(frame.operator_name);
        reader->reject(frame, took.error().message);
        return {};
    }
    if (!frames.empty()) rejected.clear();
    return note();
}

Status Subscription::Run::take(const LiveFrame& frame) {
    const auto header = crypto::FrameHeader::decode(frame.bytes);
    if (!header) return bad_frame(frame.sequence, header.error().message);
    if (next != 0 && header->sequence != next)
        return bad_frame(header->sequence, "frame " + std::to_string(next) + " was to come");
    const auto by = std::ranges::find(operators, frame.operator_name);
    if (by == operators.end()) return bad_frame(header->sequence, "of an operator that was not drawn");
    auto subkey = subkeys.find(header->key_epoch);
    if (subkey == subkeys.end()) {
        FS_TRY(note());
        FS_ASSIGN(const auto key, key_of(header->key_epoch, header->sequence));
        if (interrupted) return {};
        subkeys.erase(subkeys.begin(), subkeys.lower_bound(header->key_epoch));  // epochs only go forward
        subkey = subkeys.emplace(header->key_epoch, key.encryption_subkey()).first;
    }
    const auto plaintext = crypto::open_frame(subkey->second, frame.bytes);
    if (!plaintext) return bad_frame(header->sequence, plaintext.error().message + " (" + frame.operator_name + ")");
    if (!std::exchange(place.taken_up, true)) FS_TRY(request.sink->resume(place.at));
    if (!plaintext->empty()) {  // an empty one only closes a batch
        FS_TRY(request.sink->write(
            {.sequence = header->sequence, .time_us = header->time_us, .text = as_text(*plaintext)}));
        ++status.readings;
    }
    taken.push_back({.sequence = header->sequence,
                     .key_epoch = header->key_epoch,
                     .operator_index = static_cast<std::uint32_t>(by - operators.begin()),
                     .output_bytes = request.sink->end(),
                     .leaf = crypto::merkle_leaf(frame.bytes)});
    next = header->sequence + 1;
    status.key_epoch = header->key_epoch;
    return {};
}

Result<crypto::custody::StreamKey> Subscription::Run::key_of(std::uint32_t key_epoch, std::uint64_t sequence) {
    for (;;) {
        FS_ASSIGN(const auto key, watch.key(key_epoch, kKeyWait));
        if (key) {
            status.waiting_for.clear();
            return *key;
        }
        const auto trouble = watch.standing().trouble;
        status.waiting_for = "the key of key epoch " + std::to_string(key_epoch) +
                             (trouble.empty() ? std::string() : "; the ledger says: " + trouble);
        tell();
        interrupted = stopped();
        if (interrupted) return crypto::custody::StreamKey{};
        if (base::to_us(base::wall_now()) >= purchase.deadlines().release_us())
            return fail("keys_not_released", "the custodians did not release key epoch " + std::to_string(key_epoch) +
                                                 ", which frame " + std::to_string(sequence) + " needs");
    }
}

/// Out to the sink, then to the disk: a process that dies in between repeats nothing into a sink that can resume.
Status Subscription::Run::note() {
    if (taken.empty()) return {};
    FS_TRY(request.sink->flush());
    FS_TRY(log.add(taken));
    taken.clear();
    status.next_sequence = next;
    return {};
}

Status Subscription::Run::send_receipt(bool now) {
    const auto entries = log.served().entries();
    const bool due = entries - receipted_entries >= kReceiptEntries ||
                     (entries > receipted_entries && base::steady_now() - receipted_at >= kReceiptEvery);
    if (entries > 0 && (due || (now && entries > receipted_entries))) {
        receipt = sign_receipt();
        sent = false;
        receipted_entries = entries;
        receipted_at = base::steady_now();
    }
    // An operator that cannot take it now will say that it wants one; the ledger takes it anyway.
    if (receipt && reader && (!sent || reader->receipt_wanted())) sent = reader->hand_in(*receipt).has_value();
    return {};
}

mqtt_bridge::client::Receipted Subscription::Run::sign_receipt() {
    counter = std::max(counter + 1, base::to_us(base::wall_now()));
    auto receipted = mqtt_bridge::client::sign_receipted(log.served().to_receipt(purchase.id(), counter),
                                                         purchase.grant(), connection.profile().network, buyer.key);
    schema::DownloadDataStreamRequest for_ledger;
    for_ledger.set_grant(purchase.grant());
    for_ledger.set_token_signature(as_field(receipted.token_signature));
    *for_ledger.mutable_receipt() = receipted.receipt;
    watch.set_receipt(std::move(for_ledger));
    return receipted;
}

/// Each batch that was read from its first frame to its last has the root that the ledger says.
Status Subscription::Run::check_batches() {
    while (!log.epochs().empty()) {
        const auto number = log.epochs().begin()->first;
        const auto& epoch = log.epochs().begin()->second;
        const auto batch = watch.batch(number);
        if (!batch || batch->last_sequence() > epoch.last) return {};  // not closed, or not read to its end
        const bool all = batch->first_sequence() == epoch.first && batch->last_sequence() == epoch.last;
        if (all && epoch.whole()) {
            if (as_field(epoch.leaves.root()) != batch->merkle_root())
                return fail("bad_root", "batch " + std::to_string(batch->number()) +
                                            ": the frames that were served are not those that the seller recorded");
            ++status.batches_checked;
        }
        FS_TRY(log.checked(number));
        watch.forget_before(number + 1);
    }
    return {};
}

Status Subscription::Run::settle() {
    const auto deadline = base::steady_now() + kSettleWithin;
    while (over && !interrupted && base::steady_now() < deadline) {
        if (watch.wait_settled(kSettlePoll)) return check_batches();
        FS_TRY(check_batches());
        const auto standing = watch.standing();
        if (standing.ended && standing.handed_in) return {};
        status.waiting_for = standing.ended ? "the payment" : "the seller's last batch";
        tell();
        interrupted = stopped();
    }
    return {};
}

void Subscription::Run::tell() {
    if (reader) status.operator_name = reader->operator_name();
    if (request.on_status) request.on_status(status);
}

}  // namespace fairstream::marketplace_dapp::client
