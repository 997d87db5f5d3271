#include "mqtt_bridge/client/live_order.hpp"

#include <iterator>

namespace fairstream::mqtt_bridge::client {

bool LiveOrder::room(const LiveFrame& frame) const {
    return ready_.size() + ahead_.size() < limits_.max_frames && bytes_ + frame.bytes.size() <= limits_.max_bytes;
}

void LiveOrder::accept(LiveFrame frame) {
    next_ = frame.sequence + 1;
    bytes_ += frame.bytes.size();
    ready_.push_back(std::move(frame));
}

/// What came too early follows now.
void LiveOrder::join() {
    while (!ahead_.empty() && ahead_.begin()->first <= next_) {
        LiveFrame frame = std::move(ahead_.begin()->second);
        ahead_.erase(ahead_.begin());
        bytes_ -= frame.bytes.size();
        if (frame.sequence == next_) accept(std::move(frame));
    }
}

void LiveOrder::pushed(LiveFrame frame) {
    if (next_ != 0 && frame.sequence < next_) return;
    const bool expected = next_ != 0 && frame.sequence == next_;
    if (!expected) asking_ = true;
    if (!room(frame)) {
        asking_ = dropped_ = true;
        return;
    }
    if (expected) {
        accept(std::move(frame));
        return join();
    }
    const auto sequence = frame.sequence;
    const auto size = frame.bytes.size();
    if (ahead_.try_emplace(sequence, std::move(frame)).second) bytes_ += size;
}

void LiveOrder::fetched(std::vector<LiveFrame> frames) {
    if (frames.empty()) {
        dropped_ = false;
        asking_ = gap();
        return;
    }
    for (auto& frame : frames)
        if (next_ == 0 || frame.sequence == next_) accept(std::move(frame));
    const bool apart = ahead_.empty();
    join();
    // Once the fetched frames meet the pushed ones, the rest is pushed; else there may be more.
    asking_ = apart || dropped_ || !ahead_.empty();
}

std::optional<std::uint64_t> LiveOrder::wanted() const {
    const bool full = ready_.size() >= limits_.max_frames / 2 || bytes_ >= limits_.max_bytes / 2;
    // A wanted frame has room even where those that wait for it have taken all of it.
    if (!asking_ || (full && !ready_.empty())) return std::nullopt;
    return next_ == 0 ? 1 : next_;
}

std::vector<LiveFrame> LiveOrder::take() {
    std::vector<LiveFrame> out(std::make_move_iterator(ready_.begin()), std::make_move_iterator(ready_.end()));
    ready_.clear();
    for (const auto& frame : out) bytes_ -= frame.bytes.size();
    return out;
}

}  // namespace fairstream::mqtt_bridge::client
