#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"

namespace fairstream::mqtt_bridge::client {

/// One frame of a live stream, and who sent it.
struct LiveFrame {
    std::uint64_t sequence = 0;
    Bytes bytes;  // header and ciphertext
    std::string operator_name;
};

/// Puts a live stream in order: frames come pushed (lossy, doubled, in any order) and fetched (consecutive, on demand);
/// each leaves once, none is left out. A core without I/O. Frames of one stream are numbered without gaps
/// (data-plane.md, "Frames and topics").
class LiveOrder {
public:
    struct Limits {
        std::size_t max_frames = 8'192;  // waiting to be taken, or for what comes before them
        std::size_t max_bytes = 32u << 20;
    };
    /// `next`: the first number that is wanted; 0: that of the first frame that is fetched.
    LiveOrder(std::uint64_t next, Limits limits) : next_(next), limits_(limits) {}

    /// A frame was pushed. One that there is no room for is dropped, and fetched later.
    void pushed(LiveFrame frame);
    /// The answer to a fetch from `wanted()`: consecutive frames, the first of which is the wanted one (or any, while
    /// none is known). Empty: there is nothing yet.
    void fetched(std::vector<LiveFrame> frames);
    /// Something may have been missed: ask.
    void suspect() { asking_ = true; }

    /// From where to fetch now; nothing while all that is known has come, or there is no room. 1 while no number is
    /// known: the answer begins where the buyer's right begins.
    std::optional<std::uint64_t> wanted() const;
    /// A later frame has come than the one that is wanted.
    bool gap() const { return next_ != 0 && !ahead_.empty(); }
    std::uint64_t next() const { return next_; }

    /// The next frames, in order.
    std::vector<LiveFrame> take();

private:
    bool room(const LiveFrame& frame) const;
    void accept(LiveFrame frame);
    void join();

    std::uint64_t next_;  // to be put into ready_; 0: unknown
    Limits limits_;
    bool asking_ = true;
    bool dropped_ = false;  // for want of room, since the last empty answer
    std::size_t bytes_ = 0;
    std::deque<LiveFrame> ready_;
    std::map<std::uint64_t, LiveFrame> ahead_;
};

}  // namespace fairstream::mqtt_bridge::client
