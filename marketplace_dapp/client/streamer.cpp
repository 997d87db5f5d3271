#include "marketplace_dapp/client/streamer.hpp"

#include <algorithm>
#include <deque>
#include <future>
#include <thread>

#include "base/clock.hpp"
#include "marketplace_dapp/client/key_dealing.hpp"
#include "marketplace_dapp/client/stream_journal.hpp"
#include "mqtt_bridge/client/writer.hpp"

namespace fairstream::marketplace_dapp::client {

namespace fs = std::filesystem;
namespace schema = chaincode::schema;
namespace custody = identity::crypto::custody;
using mqtt_bridge::client::EpochKey;
using mqtt_bridge::client::StoredBatch;
using mqtt_bridge::client::Writer;
using namespace std::chrono_literals;

namespace {

constexpr auto kLeastKeyEpoch = 2s;
constexpr auto kFlushAfter = 50ms;  // a reading waits at most so long for others to share its bundle
constexpr auto kRetryEvery = 1s;
constexpr auto kFinishPump = 50ms;
constexpr std::uint32_t kQuorum = 2;

struct Epoch {
    std::uint32_t number = 0;
    custody::StreamKey key;

    EpochKey subkeys() const {
        return {.number = number, .encryption_subkey = key.encryption_subkey(), .mac_subkey = key.mac_subkey()};
    }
};

template <typename T>
bool is_ready(const std::future<T>& future) {
    return future.valid() && future.wait_for(0s) == std::future_status::ready;
}

}  // namespace

/// Ledger calls run beside the caller's thread, one of each kind at a time; the writer is the caller's.
struct Streamer::Impl {
    Impl(Connection& c, const ledger::client::Identity& s, StreamRequest r)
        : connection(c),
          seller(s),
          request(std::move(r)),
          folder(StreamJournal::folder(request.state, request.offer)),
          keys(StreamJournal::keys(folder)) {}

    Status begin();
    Status open_writer(const schema::GrantReply& grant);
    Status roll_when_due();
    Status record_what_is_stored();
    Result<Epoch> key_of(std::uint32_t number);
    Result<Epoch> deal(std::uint32_t number);
    Result<Epoch> open_epoch(std::uint32_t number);
    Result<Epoch> deal_and_open(std::uint32_t number);
    Status patience(const char* what, const Error& error);
    void well();
    void tell();

    Connection& connection;
    const ledger::client::Identity seller;
    const StreamRequest request;
    const fs::path folder;
    const KeyFolder keys;
    StreamJournal journal;
    bool resumed = false;
    std::unique_ptr<Writer> writer;

    std::chrono::microseconds rolled_at{};  // steady
    std::future<Result<Epoch>> next;        // dealt ahead, then opened
    bool opening = false;                   // `next` is the opening
    std::future<Result<schema::Batch>> recording;
    std::deque<StoredBatch> stored;  // closed and stored, to be recorded in order
    std::optional<std::chrono::microseconds> trouble_since, retry_at;
    StreamStatus status, told;
};

Streamer::Streamer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Streamer::~Streamer() = default;

Result<std::unique_ptr<Streamer>> Streamer::open(Connection& connection, const ledger::client::Identity& seller,
                                                 StreamRequest request) {
    if (request.key_epoch < kLeastKeyEpoch) return fail("bad_options", "a key epoch lasts 2 seconds at least");
    auto impl = std::make_unique<Impl>(connection, seller, std::move(request));
    FS_TRY(impl->begin());
    return std::unique_ptr<Streamer>(new Streamer(std::move(impl)));
}

Status Streamer::Impl::begin() {
    FS_ASSIGN(auto found, StreamJournal::load(folder));
    resumed = found.has_value();
    if (found) {
        journal = std::move(*found);
    } else {
        std::error_code ignored;
        fs::remove_all(StreamJournal::spool(folder), ignored);  // of a session whose end was interrupted
        FS_ASSIGN(journal.token, request_upload_token(connection, seller, request.offer, "stream"));
    }
    Actor actor(connection, seller.key);
    FS_ASSIGN(const auto grant, actor.drawn_grant(journal.token.grant));
    if (!found) {
        FS_ASSIGN(const auto first, deal_and_open(journal.token.key_epoch));
        journal.token.key_epoch = first.number;
        FS_TRY(journal.save(folder));
    }
    FS_TRY(open_writer(grant));
    status.key_epoch = writer->key_epoch();
    rolled_at = base::steady_now();
    if (!writer->closed()) return {};
    // The end of the session before was interrupted: this one goes on in the next key epoch.
    FS_ASSIGN(const auto key, deal_and_open(writer->key_epoch() + 1));
    FS_TRY(writer->roll(key.subkeys()));
    status.key_epoch = key.number;
    return {};
}

Status Streamer::Impl::open_writer(const schema::GrantReply& grant) {
    FS_ASSIGN(const auto first, keys.find(journal.token.key_epoch));
    // Without it, that epoch's batch is recorded, and the spool is further on.
    const auto key = Epoch{.number = journal.token.key_epoch, .key = first.value_or(custody::StreamKey{})}.subkeys();
    const auto operators = static_cast<std::uint32_t>(grant.grant().operators_size());
    FS_ASSIGN(writer, Writer::open({.network = connection.profile().network,
                                    .grant = journal.token.grant,
                                    .holder = seller.key,
                                    .stream_id = journal.token.stream_id,
                                    .key_epoch = key.number,
                                    .encryption_subkey = key.encryption_subkey,
                                    .mac_subkey = key.mac_subkey,
                                    .first_sequence = journal.token.first_sequence,
                                    .previous_manifest = journal.token.previous_manifest,
                                    .operators = endpoints(grant, journal.token.stream_id),
                                    .quorum = std::min(kQuorum, operators),
                                    .trusted_roots = connection.profile().trusted_roots,
                                    .spool = StreamJournal::spool(folder),
                                    .on_progress =
                                        [this](const mqtt_bridge::client::WriterProgress& progress) {
                                            status.stored_through = progress.stored_through;
                                            status.operator_name = progress.operator_name;
                                        },
                                    .flush_after = kFlushAfter,
                                    .not_before_us = journal.token.not_before_us,
                                    .key_of = [this](std::uint32_t number) -> Result<EpochKey> {
                                        FS_ASSIGN(const auto epoch, key_of(number));
                                        return epoch.subkeys();
                                    }}));
    if (!first && writer->key_epoch() == key.number) return fail(key_of(key.number).error());
    return {};
}

Result<Epoch> Streamer::Impl::key_of(std::uint32_t number) {
    FS_ASSIGN(const auto key, keys.find(number));
    if (!key)
        return fail("key_lost", "the key of key epoch " + std::to_string(number) + " is not in " + folder.string());
    return Epoch{.number = number, .key = *key};
}

Result<Epoch> Streamer::Impl::deal(std::uint32_t number) {
    FS_ASSIGN(const auto saved, keys.find(number));
    const auto save = [this, number](const auto& key) { return keys.save(number, key); };
    FS_ASSIGN(const auto key, deal_key(connection, seller, journal.token.stream_id, number, saved, save));
    return Epoch{.number = number, .key = key};
}

/// Precondition: dealt.
Result<Epoch> Streamer::Impl::open_epoch(std::uint32_t number) {
    schema::OpenKeyEpochRequest open;
    open.set_offer(request.offer);
    open.set_grant(journal.token.grant);
    open.set_key_epoch(number);
    FS_TRY(ledger::client::submit<schema::OpenKeyEpochReply>(connection.ledger(), seller, "marketplace", "OpenKeyEpoch",
                                                             open));
    return key_of(number);
}

/// The epoch of this number, or of the next one if this one's key was lost after it was dealt: that one is opened all
/// the same, since numbers rise by one, and stays without frames.
Result<Epoch> Streamer::Impl::deal_and_open(std::uint32_t number) {
    const auto deadline = base::steady_now() + kPatience;
    for (;;) {
        const auto dealt = deal(number);
        if (!dealt && dealt.error().code != "key_lost") return dealt;
        auto opened = open_epoch(number);
        if (dealt && opened) return opened;
        const bool passed_over = !dealt && (opened || opened.error().code == "key_lost");
        if (passed_over) ++number;
        if (!passed_over && (opened.error().code != "too_early" || base::steady_now() > deadline)) return opened;
        std::this_thread::sleep_for(kRetryEvery);  // an epoch lasts a second at least
    }
}

Status Streamer::Impl::patience(const char* what, const Error& error) {
    const auto now = base::steady_now();
    if (!trouble_since) trouble_since = now;
    retry_at = now + kRetryEvery;
    status.trouble = std::string(what) + ": " + error.message + " (" + error.code + ")";
    if (now - *trouble_since > kPatience) return fail(error);
    return {};
}

void Streamer::Impl::well() {
    trouble_since.reset();
    status.trouble.clear();
}

/// Deals the next key epoch ahead, opens it when this one has lasted long enough, and rolls once it stands.
Status Streamer::Impl::roll_when_due() {
    const auto now = base::steady_now();
    const auto number = writer->key_epoch() + 1;
    const bool due = now - rolled_at >= request.key_epoch;
    if (is_ready(next)) {
        const auto key = next.get();
        if (!key) {
            FS_TRY(patience(opening ? "opening the next key epoch" : "dealing the next key", key.error()));
            opening = false;
            return {};
        }
        well();
        if (!opening) {
            opening = true;
            return {};
        }
        FS_TRY(writer->roll(key->subkeys()));
        status.key_epoch = key->number;
        rolled_at = base::steady_now();
        opening = false;
        return {};
    }
    if (next.valid() || (retry_at && now < *retry_at)) return {};
    if (!opening)
        next = std::async(std::launch::async, [this, number] { return deal(number); });
    else if (due)
        next = std::async(std::launch::async, [this, number] { return open_epoch(number); });
    return {};
}

Status Streamer::Impl::record_what_is_stored() {
    FS_ASSIGN(auto closed, writer->take_stored());
    for (auto& batch : closed) stored.push_back(std::move(batch));
    if (is_ready(recording)) {
        const auto recorded = recording.get();
        if (!recorded) return patience("recording a batch", recorded.error());
        well();
        FS_TRY(writer->forget(recorded->last_sequence()));
        keys.forget_before(std::min(recorded->key_epoch() + 1, writer->key_epoch()));
        stored.pop_front();
        ++status.batches;
    }
    if (stored.empty() || recording.valid() || (retry_at && base::steady_now() < *retry_at)) return {};
    recording = std::async(std::launch::async, [this, batch = stored.front()] {
        return record_batch(connection, seller, {.offer = request.offer, .grant = journal.token.grant, .name = {}},
                            batch);
    });
    return {};
}

void Streamer::Impl::tell() {
    const bool same = told.readings == status.readings && told.stored_through == status.stored_through &&
                      told.key_epoch == status.key_epoch && told.batches == status.batches &&
                      told.operator_name == status.operator_name && told.trouble == status.trouble;
    if (same || !request.on_status) return;
    told = status;
    request.on_status(status);
}

Status Streamer::write(ByteView reading) {
    if (reading.empty()) return {};
    FS_TRY(impl_->writer->write(reading));
    ++impl_->status.readings;
    return {};
}

Status Streamer::pump(std::chrono::milliseconds wait) {
    FS_TRY(impl_->writer->pump(wait));
    FS_TRY(impl_->roll_when_due());
    FS_TRY(impl_->record_what_is_stored());
    impl_->tell();
    return {};
}

Result<Streamed> Streamer::finish() {
    Impl& impl = *impl_;
    // An epoch that is being opened has its batch too: else buyers could not tell that nothing more will come of it.
    while (impl.opening && impl.next.valid()) {
        FS_TRY(impl.writer->pump(kFinishPump));
        FS_TRY(impl.roll_when_due());
    }
    FS_ASSIGN(const auto last, impl.writer->close());
    FS_ASSIGN(auto closed, impl.writer->take_stored());
    for (auto& batch : closed) impl.stored.push_back(std::move(batch));
    if (impl.stored.empty() || impl.stored.back().last_sequence != last.last_sequence) impl.stored.push_back(last);
    while (!impl.stored.empty()) {
        FS_TRY(impl.writer->pump(kFinishPump));
        FS_TRY(impl.record_what_is_stored());
        impl.tell();
    }
    StreamJournal::clear(impl.folder);
    return Streamed{.status = impl.status, .stream_id = impl.journal.token.stream_id, .resumed = impl.resumed};
}

}  // namespace fairstream::marketplace_dapp::client
