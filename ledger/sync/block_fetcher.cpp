#include "ledger/sync/block_fetcher.hpp"

#include <algorithm>
#include <limits>

#include "base/log.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::sync {

using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t kMaxReplyBytes = 8u << 20;                             // a larger single block is still sent
constexpr std::uint64_t kNoBlock = std::numeric_limits<std::uint64_t>::max();  // only how far the peer is
constexpr std::size_t kFetchedEnough = 16u << 20;
constexpr std::size_t kMaxBlocksPerReply = 1024;
constexpr auto kAskTimeout = 5'000ms;
constexpr auto kAskAgain = 100ms;
constexpr auto kPollEvery = 1'000ms;
constexpr std::uint64_t kMaxBehind = 8;

Result<std::uint64_t> height_in(const proto::DecidedBlock& decided) {
    FS_ASSIGN(const auto block, proto::decode<proto::Block>(decided.block()));
    FS_ASSIGN(const auto header, proto::decode<proto::BlockHeader>(block.header()));
    return header.height();
}

}  // namespace

Result<proto::BlocksReply> serve_blocks(const blocks::BlockStore& store, const proto::BlocksRequest& request) {
    proto::BlocksReply reply;
    reply.set_height(store.height());
    if (request.from() == 0) return fail("malformed", "blocks are counted from 1");
    const std::size_t max_bytes = std::min(request.max_bytes(), kMaxReplyBytes);
    std::size_t bytes = 0;
    for (std::uint64_t h = request.from(); h <= reply.height() && bytes < max_bytes; ++h) {
        if (static_cast<std::size_t>(reply.blocks_size()) == kMaxBlocksPerReply) break;
        FS_ASSIGN(auto block, store.read(h));
        bytes += block.ByteSizeLong();
        if (reply.blocks_size() > 0 && bytes > max_bytes) break;
        *reply.add_blocks() = std::move(block);
    }
    return reply;
}

BlockFetcher::BlockFetcher(base::net::Loop& loop, contract::Channels channels, Peers& peers, std::uint64_t height,
                           Hooks hooks)
    : scope_(loop), channels_(std::move(channels)), peers_(peers), height_(height), hooks_(std::move(hooks)) {}

void BlockFetcher::start() {
    look_whether_caught_up();
    for (const auto& peer : peers_.all()) ask_height(peer.name);
    poll();
}

void BlockFetcher::peers_changed() {
    std::erase_if(claimed_, [this](const auto& claim) { return peers_.peer(claim.first) == nullptr; });
    for (const auto& peer : peers_.all())
        if (!claimed_.contains(peer.name)) ask_height(peer.name);
    look_whether_caught_up();
}

void BlockFetcher::ask_height(const std::string& peer) {
    const auto* const known = peers_.peer(peer);
    if (known == nullptr) return;  // removed meanwhile
    ask(*known, kNoBlock, [this, peer](Result<Bytes> answer) {
        if (answer) return received(peer, answer);
        scope_.after(kAskAgain, [this, peer] { ask_height(peer); });
    });
}

void BlockFetcher::poll() {
    scope_.after(kPollEvery, [this] {
        fetch();
        poll();
    });
}

/// From the peers by turns; from those that sent bad blocks only if there is no other.
void BlockFetcher::fetch() {
    if (paused_ || asking_ || fetched_bytes_ >= kFetchedEnough) return;
    const auto& peers = peers_.all();
    for (const bool left : {false, true}) {
        for (std::size_t i = 0; i < peers.size(); ++i) {
            turn_ = (turn_ + 1) % peers.size();
            const auto& peer = peers[turn_];
            if (peer.link->connected() && left_.contains(peer.name) == left) return request_from(peer.name);
        }
    }
}

void BlockFetcher::resume() {
    paused_ = false;
    fetch();
}

void BlockFetcher::request_from(const std::string& peer) {
    asking_ = true;
    ask(*peers_.peer(peer), next_wanted(), [this, peer](Result<Bytes> answer) {
        asking_ = false;
        received(peer, answer);
    });
}

/// The block after those that are here: applied, offered or waiting.
std::uint64_t BlockFetcher::next_wanted() const {
    return (fetched_.empty() ? height_ + (offered_ ? 1 : 0) : fetched_.back().height) + 1;
}

void BlockFetcher::ask(const Peers::Peer& peer, std::uint64_t from, base::net::RpcClient::ReplyHandler on_reply) {
    proto::BlocksRequest request;
    request.set_from(from);
    request.set_max_bytes(kMaxReplyBytes);
    peers_.call(peer, proto::PeerMethod::kBlocks, proto::encode(request), kAskTimeout, std::move(on_reply));
}

void BlockFetcher::received(const std::string& peer, const Result<Bytes>& answer) {
    if (peers_.peer(peer) == nullptr) return;
    if (!answer) {
        if (answer.error().code == "pruned" && fetched_.empty() && !offered_) hooks_.behind(known_height(), true);
        return;
    }
    auto reply = proto::decode<proto::BlocksReply>(*answer);
    if (!reply) return;
    claimed_[peer] = reply->height();
    look_whether_caught_up();
    for (auto& block : *reply->mutable_blocks()) {
        const auto height = height_in(block);
        if (!height || *height != next_wanted()) break;
        fetched_bytes_ += block.ByteSizeLong();
        fetched_.push_back({*height, peer, std::move(block)});
    }
    if (known_height() > height_) hooks_.behind(known_height(), false);
    offer_next();
    if (next_wanted() <= known_height()) fetch();
}

void BlockFetcher::offer_next() {
    while (!fetched_.empty() && !offered_ && !paused_) {
        auto next = std::move(fetched_.front());
        fetched_.pop_front();
        fetched_bytes_ -= next.block.ByteSizeLong();
        if (next.height <= height_) continue;  // decided meanwhile
        offered_ = true;
        source_ = std::move(next.peer);
        hooks_.offer(std::move(next.block));
    }
}

void BlockFetcher::advanced(std::uint64_t height) {
    height_ = height;
    offered_ = false;
    if (!fetched_.empty() && fetched_.back().height <= height_) drop_fetched();
    look_whether_caught_up();
    offer_next();
    if (next_wanted() <= known_height()) fetch();
}

void BlockFetcher::drop_fetched() {
    fetched_.clear();
    fetched_bytes_ = 0;
}

void BlockFetcher::refused(const Error& why) {
    if (offered_ && why.code != "busy" && why.code != "not_needed") {
        base::log_warn("a block from {} is refused, and {} is asked last from now on: {}: {}", source_, source_,
                       why.code, why.message);
        left_.insert(source_);
    }
    offered_ = false;
    drop_fetched();
    scope_.after(kAskAgain, [this] { fetch(); });
}

std::uint64_t BlockFetcher::known_height() const {
    std::vector<std::uint64_t> heights;
    for (const auto& [name, height] : claimed_) heights.push_back(height);
    const auto faults = channels_.newest()->faults();
    if (heights.size() <= faults) return height_;
    std::ranges::sort(heights, std::greater{});
    return std::max(height_, heights[faults]);
}

void BlockFetcher::look_whether_caught_up() {
    const bool informed = claimed_.size() + 1 >= channels_.newest()->quorum();
    was_caught_up_ = was_caught_up_ || (informed && height_ >= known_height());
}

bool BlockFetcher::caught_up() const {
    return was_caught_up_ && height_ + kMaxBehind >= known_height();
}

}  // namespace fairstream::ledger::sync
