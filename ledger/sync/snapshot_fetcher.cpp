#include "ledger/sync/snapshot_fetcher.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::sync {

using namespace std::chrono_literals;

namespace {

constexpr auto kOfferTimeout = 10'000ms;
constexpr auto kChunkTimeout = 20'000ms;
constexpr auto kAskAgain = 200ms;
constexpr std::size_t kChunksAtOnce = 4;
constexpr std::size_t kMaxInVain = 100;
constexpr std::uint32_t kChunksBetweenLogs = 32;

}  // namespace

Result<proto::ChunkReply> serve_chunk(const snapshot::SnapshotStore& store, const proto::ChunkRequest& request) {
    FS_ASSIGN(const auto name, identity::crypto::to_hash(as_bytes(request.snapshot())));
    FS_ASSIGN(const auto chunk, store.chunk(name, request.index()));
    proto::ChunkReply reply;
    reply.set_chunk(proto::as_field(chunk));
    return reply;
}

SnapshotFetcher::SnapshotFetcher(Parts parts, Done done)
    : parts_(std::move(parts)), done_(std::move(done)), scope_(parts_.loop) {}

template <typename Job, typename Then>
void SnapshotFetcher::in_pool(Job job, Then then) {
    const bool posted = parts_.pool.post(
        [this, job, then] { scope_.post([result = job(), then]() mutable { then(std::move(result)); }); });
    if (!posted) scope_.after(kAskAgain, [this, job, then] { in_pool(job, then); });
}

void SnapshotFetcher::start(std::uint64_t height) {
    if (running_) return;
    running_ = true;
    above_ = height;
    in_vain_ = 0;
    asked_.clear();
    snapshot_.reset();
    ask_offer();
}

std::string SnapshotFetcher::progress() const {
    if (!running_) return {};
    if (!snapshot_) return "looking for a snapshot to begin with";
    return fmt::format("{} of {} chunks of the snapshot of height {}", chunks_ - wanted_.size() - under_way_.size(),
                       chunks_, snapshot_->height);
}

/// The next connected peer that has forged nothing.
const Peers::Peer* SnapshotFetcher::next_peer() {
    const auto& peers = parts_.peers.all();
    for (std::size_t i = 0; i < peers.size(); ++i) {
        const auto& peer = peers[++turn_ % peers.size()];
        if (peer.link->connected() && !left_.contains(peer.name)) return &peer;
    }
    return nullptr;
}

void SnapshotFetcher::ask_offer() {
    const Peers::Peer* peer = nullptr;
    for (std::size_t i = 0; i < parts_.peers.all().size() && peer == nullptr; ++i)
        if (const auto* next = next_peer(); next != nullptr && !asked_.contains(next->name)) peer = next;
    if (peer == nullptr) return finish(std::nullopt);
    asked_.insert(peer->name);
    proto::SnapshotRequest request;
    request.set_above(above_);
    // What lies here in part is worth more than a newer one.
    if (const auto begun = parts_.store.begun(); begun && begun->height > above_ && asked_.size() == 1)
        request.set_hash(proto::as_field(begun->name));
    parts_.peers.call(*peer, proto::PeerMethod::kSnapshot, proto::encode(request), kOfferTimeout,
                      [this, name = peer->name](const Result<Bytes>& answer) { take_offer(name, answer); });
}

void SnapshotFetcher::take_offer(const std::string& peer, const Result<Bytes>& answer) {
    if (!answer) return ask_offer();
    in_pool(
        [bytes = *answer, channels = parts_.channels]() -> Result<snapshot::Kept> {
            FS_ASSIGN(const auto offer, proto::decode<proto::SnapshotOffer>(bytes));
            if (offer.manifest().empty()) return fail("none", "no snapshot");
            return snapshot::check_offer(offer, channels.genesis());
        },
        [this, peer](Result<snapshot::Kept> checked) {
            if (!checked && checked.error().code != "none") leave(peer, checked.error());
            if (!checked || checked->height <= above_) return ask_offer();
            begin(peer, std::move(*checked));
        });
}

void SnapshotFetcher::begin(const std::string& peer, snapshot::Kept snapshot) {
    base::log_info("fetching the snapshot of height {} that {} offers", snapshot.height, peer);
    in_pool(
        [this, snapshot]() -> Result<std::vector<std::uint32_t>> {
            if (parts_.store.find(snapshot.name)) return std::vector<std::uint32_t>{};
            FS_TRY(parts_.store.begin(snapshot));
            return parts_.store.lacking();
        },
        [this, snapshot](Result<std::vector<std::uint32_t>> lacking) {
            if (!lacking) {
                base::log_warn("cannot keep a snapshot: {}", lacking.error().message);
                return finish(std::nullopt);
            }
            const auto manifest = snapshot::parse_manifest(snapshot.manifest);
            chunks_ = static_cast<std::size_t>(manifest->chunks_size());
            wanted_ = std::move(*lacking);
            std::ranges::reverse(wanted_);  // taken from the back
            under_way_.clear();
            snapshot_ = snapshot;
            ask_chunks();
        });
}

void SnapshotFetcher::ask_chunks() {
    parts_.metrics.gauge("ledger_snapshot_chunks_lacking", static_cast<double>(wanted_.size() + under_way_.size()));
    if (wanted_.empty() && under_way_.empty()) {
        return in_pool(
            [this, name = snapshot_->name]() -> Result<snapshot::Kept> {
                if (auto kept = parts_.store.find(name)) return *kept;
                return parts_.store.complete();
            },
            [this](Result<snapshot::Kept> kept) {
                if (!kept) base::log_warn("cannot keep a snapshot: {}", kept.error().message);
                finish(kept ? std::optional(std::move(*kept)) : std::nullopt);
            });
    }
    while (!wanted_.empty() && under_way_.size() < kChunksAtOnce) {
        const auto index = wanted_.back();
        wanted_.pop_back();
        under_way_.insert(index);
        ask_chunk(index);
    }
}

void SnapshotFetcher::ask_chunk(std::uint32_t index) {
    const auto* const peer = next_peer();
    if (peer == nullptr) return ask_again(index);
    proto::ChunkRequest request;
    request.set_snapshot(proto::as_field(snapshot_->name));
    request.set_index(index);
    parts_.peers.call(*peer, proto::PeerMethod::kChunk, proto::encode(request), kChunkTimeout,
                      [this, run = run_, name = peer->name, index](Result<Bytes> answer) {
                          if (run == run_) take_chunk(name, index, std::move(answer));
                      });
}

/// Nobody has it at this moment. After many such answers the snapshot is given up: the peers may keep a newer one.
void SnapshotFetcher::ask_again(std::uint32_t index) {
    if (++in_vain_ > kMaxInVain) {
        base::log_warn("nobody has the snapshot of height {} any more", snapshot_->height);
        return finish(std::nullopt);
    }
    scope_.after(kAskAgain, [this, run = run_, index] {
        if (run == run_) ask_chunk(index);
    });
}

void SnapshotFetcher::take_chunk(const std::string& peer, std::uint32_t index, Result<Bytes> answer) {
    if (!answer) return ask_again(index);
    auto reply = proto::decode<proto::ChunkReply>(*answer);
    if (!reply) {
        leave(peer, reply.error());
        return ask_chunk(index);
    }
    put_chunk(peer, index, to_bytes(std::string_view(reply->chunk())));
}

void SnapshotFetcher::put_chunk(const std::string& peer, std::uint32_t index, Bytes chunk) {
    in_pool([this, index, bytes = std::move(chunk)] { return parts_.store.put(index, bytes); },
            [this, run = run_, peer, index](const Status& put) {
                if (run != run_) return;
                in_vain_ = 0;
                if (put || put.error().code != "wrong_chunk") return chunk_done(index, put);
                leave(peer, put.error());
                ask_chunk(index);
            });
}

void SnapshotFetcher::chunk_done(std::uint32_t index, const Status& status) {
    under_way_.erase(index);
    if (index % kChunksBetweenLogs == kChunksBetweenLogs - 1) base::log_info("{}", progress());
    if (!status) {
        base::log_warn("cannot keep a chunk of a snapshot: {}", status.error().message);
        wanted_.push_back(index);
        scope_.after(kAskAgain, [this, run = run_] {
            if (run == run_) ask_chunks();
        });
        return;
    }
    ask_chunks();
}

void SnapshotFetcher::leave(const std::string& peer, const Error& why) {
    base::log_warn("a snapshot from {} is refused, and {} is asked for none any more: {}: {}", peer, peer, why.code,
                   why.message);
    parts_.metrics.count("ledger_snapshot_refused_total", 1, {{"peer", peer}, {"code", why.code}});
    left_.insert(peer);
}

void SnapshotFetcher::finish(std::optional<snapshot::Kept> snapshot) {
    running_ = false;
    ++run_;
    snapshot_.reset();
    done_(std::move(snapshot));
}

}  // namespace fairstream::ledger::sync
