#include "ledger/sync/block_fetcher.hpp"

#include <algorithm>

#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::sync {

using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t kMaxReplyBytes = 8u << 20;  // a larger single block is still sent
constexpr std::uint32_t kOneBlock = 1;
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
                           Offer offer)
    : scope_(loop), channels_(std::move(channels)), peers_(peers), height_(height), offer_(std::move(offer)) {}

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
    ask(*known, kOneBlock, [this, peer](Result<Bytes> answer) {
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

void BlockFetcher::fetch() {
    if (asking_ || !fetched_.empty() || offered_) return;
    const auto& peers = peers_.all();
    for (std::size_t i = 0; i < peers.size(); ++i) {
        turn_ = (turn_ + 1) % peers.size();
        if (peers[turn_].link->connected()) return request_from(peers[turn_].name);
    }
}

void BlockFetcher::request_from(const std::string& peer) {
    asking_ = true;
    ask(*peers_.peer(peer), kMaxReplyBytes, [this, peer](Result<Bytes> answer) {
        asking_ = false;
        received(peer, answer);
    });
}

void BlockFetcher::ask(const Peers::Peer& peer, std::uint32_t max_bytes, base::net::RpcClient::ReplyHandler on_reply) {
    proto::BlocksRequest request;
    request.set_from(height_ + 1);
    request.set_max_bytes(max_bytes);
    peers_.call(peer, proto::PeerMethod::kBlocks, proto::encode(request), kAskTimeout, std::move(on_reply));
}

void BlockFetcher::received(const std::string& peer, const Result<Bytes>& answer) {
    if (!answer || peers_.peer(peer) == nullptr) return;
    auto reply = proto::decode<proto::BlocksReply>(*answer);
    if (!reply) return;
    claimed_[peer] = reply->height();
    look_whether_caught_up();
    if (!fetched_.empty() || offered_) return;
    for (auto& block : *reply->mutable_blocks()) fetched_.push_back(std::move(block));
    offer_next();
}

void BlockFetcher::offer_next() {
    while (!fetched_.empty() && !offered_) {
        auto block = std::move(fetched_.front());
        fetched_.pop_front();
        const auto height = height_in(block);
        if (!height || *height > height_ + 1) return fetched_.clear();
        if (*height <= height_) continue;  // decided meanwhile
        offered_ = true;
        offer_(std::move(block));
    }
}

void BlockFetcher::advanced(std::uint64_t height) {
    height_ = height;
    offered_ = false;
    look_whether_caught_up();
    offer_next();
    if (!offered_ && height_ < known_height()) fetch();
}

void BlockFetcher::refused() {
    offered_ = false;
    fetched_.clear();
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
