#include "mqtt_bridge/client/live_reader.hpp"

#include <algorithm>
#include <thread>

#include "base/assert.hpp"
#include "base/clock.hpp"
#include "mqtt_bridge/client/notice.hpp"
#include "security_manager/gate/topic.hpp"

namespace fairstream::mqtt_bridge::client {

namespace crypto = identity::crypto;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t kFramesPerRequest = 256;
constexpr auto kConnectPause = 250ms;
constexpr auto kGapPatience = 2s;  // an operator that lacks a frame for so long is left
constexpr auto kSettle = 3s;       // after the end, for frames that are on their way to the operators
constexpr std::size_t kMaxFaults = 100;

ReaderOptions fetching(const LiveReaderOptions& options) {
    ReaderOptions out{.network = options.network,
                      .grant = options.grant,
                      .purchase = options.purchase,
                      .holder = options.holder,
                      .stream_id = options.stream_id,
                      .encryption_subkey = {},
                      .mac_subkey = {},
                      .operators = {},
                      .trusted_roots = options.trusted_roots,
                      .scratch = {},
                      .on_progress = {}};
    out.timeout = options.timeout;
    return out;
}

}  // namespace

LiveReader::LiveReader(LiveReaderOptions options)
    : options_(std::move(options)),
      fetching_(fetching(options_)),
      stream_(crypto::stream_hash(options_.stream_id)),
      live_topic_(security_manager::gate::live_topic(stream_)),
      order_(options_.next_sequence, {}),
      last_frame_(base::steady_now()),
      last_served_(base::steady_now()) {
    FS_ASSERT(!options_.operators.empty());
}

Result<std::vector<LiveFrame>> LiveReader::take(std::chrono::milliseconds wait) {
    const auto deadline = base::steady_now() + wait;
    for (;;) {
        if (auto frames = order_.take(); !frames.empty()) return frames;
        if (over_) return fail("window_over", "the time that was paid for is over");
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - base::steady_now());
        if (left <= 0ms) return std::vector<LiveFrame>{};
        FS_TRY(step(left));
        if (receipt_wanted_) return order_.take();
    }
}

Status LiveReader::step(std::chrono::milliseconds wait) {
    if (!link_) {
        if (const auto connected = connect(); !connected) return leave(connected.error());
    }
    if (const auto from = order_.wanted(); from && !receipt_wanted_) {
        const auto asked = fetch(*from);
        if (asked || !link_) return asked;
        return leave(asked.error());
    }
    return listen(wait);
}

Status LiveReader::connect() {
    const auto now = base::steady_now();
    if (now < next_connect_) std::this_thread::sleep_for(next_connect_ - now);
    next_connect_ = base::steady_now() + kConnectPause;
    const auto& at = options_.operators[current_];
    FS_ASSIGN(source_, open_source(fetching_, at));
    FS_ASSIGN(link_, open_link(fetching_, at, {live_topic_}));
    receipt_wanted_ = false;
    gap_since_ = {};
    order_.suspect();
    return {};
}

/// On to the next operator. An error only when nobody serves.
Status LiveReader::leave(const Error& why) {
    const auto& name = operator_name();
    if (!troubles_.contains(name) && faults_.size() < kMaxFaults)
        faults_.push_back(name + ": " + why.code + ": " + why.message);
    troubles_[name] = why;
    link_.reset();
    source_.reset();
    current_ = (current_ + 1) % options_.operators.size();
    if (troubles_.size() < options_.operators.size()) return {};
    std::string all;
    for (const auto& [one, error] : troubles_) all += " " + one + ": " + error.code + " (" + error.message + ");";
    if (std::ranges::all_of(troubles_, [](const auto& one) { return is_final_refusal(one.second); }))
        return fail("grant_refused", "every operator refused:" + all);
    if (base::steady_now() - last_served_ < options_.give_up) return {};
    return fail("operators_unreachable", "no operator serves the stream:" + all);
}

Status LiveReader::fetch(std::uint64_t from) {
    auto answer = source_->fetch(from, kFramesPerRequest);
    if (!answer && answer.error().code == "receipt_wanted") {
        receipt_wanted_ = true;
        return {};
    }
    if (!answer && answer.error().code == "window_over") {
        // Believed when the time has come, or when a second operator says so too.
        over_said_by_.insert(operator_name());
        over_ = base::wall_now() >= options_.until ||
                over_said_by_.size() >= std::min<std::size_t>(2, options_.operators.size());
        return over_ ? Status() : fail(answer.error());
    }
    if (!answer) return fail(answer.error());
    std::vector<LiveFrame> frames;
    auto expected = order_.next();
    for (auto& bytes : *answer) {
        FS_ASSIGN(auto frame, to_frame(std::move(bytes)));
        if (expected != 0 && frame.sequence != expected)
            return fail("wrong_bytes", "what it sent as frame " + std::to_string(expected) + " is not that frame");
        expected = frame.sequence + 1;
        frames.push_back(std::move(frame));
    }
    const bool nothing = frames.empty();
    order_.fetched(std::move(frames));
    const auto now = base::steady_now();
    troubles_.erase(operator_name());
    last_served_ = now;
    if (!nothing || !order_.gap()) gap_since_ = {};
    if (!nothing) {
        over_said_by_.clear();
        last_frame_ = now;
        return {};
    }
    if (paid_time_is_over()) over_ = true;
    if (!order_.gap()) return {};
    // It pushes what it does not hand out.
    if (gap_since_ == Clock{}) gap_since_ = now;
    if (now - gap_since_ > kGapPatience)
        return fail("not_stored", "it holds nothing from frame " + std::to_string(order_.next()));
    return listen(50ms);
}

Status LiveReader::listen(std::chrono::milliseconds wait) {
    for (auto& message : link_->take(std::min(wait, options_.probe))) {
        if (message.topic != live_topic_) {
            notice(as_text(message.payload));
            continue;
        }
        last_frame_ = base::steady_now();
        if (auto frame = to_frame(std::move(message.payload))) order_.pushed(std::move(*frame));
    }
    if (const auto kept = link_->keep_alive(); !kept) return leave(kept.error());
    if (link_->lost()) return leave({"not_connected", "the connection was lost"});
    if (base::steady_now() - last_frame_ >= options_.probe) {
        last_frame_ = base::steady_now();
        order_.suspect();
    }
    return {};
}

void LiveReader::notice(std::string_view payload) {
    const auto said = Notice::decode(payload);
    if (!said || said->stream != stream_) return;
    // What it withholds is asked for, and the answer to that is what counts.
    if (said->type == Notice::Type::kReceiptWanted || said->type == Notice::Type::kWindowOver) order_.suspect();
}

Result<LiveFrame> LiveReader::to_frame(Bytes bytes) const {
    const auto header = crypto::FrameHeader::decode(bytes);
    if (!header || header->stream != stream_ || header->sequence == 0)
        return fail("wrong_bytes", "what it sent is no frame of this stream");
    return LiveFrame{header->sequence, std::move(bytes), operator_name()};
}

bool LiveReader::paid_time_is_over() const {
    return base::wall_now() > options_.until + kSettle;
}

Status LiveReader::hand_in(const Receipted& receipted) {
    if (!source_) return fail("not_connected", "no operator is connected now: at the next one, again");
    FS_TRY(source_->hand_in(receipted));
    receipt_wanted_ = false;
    order_.suspect();
    return {};
}

void LiveReader::reject(const LiveFrame& frame, const std::string& why) {
    order_ = LiveOrder(frame.sequence, {});
    if (link_ && frame.operator_name == operator_name()) (void)leave({"wrong_bytes", why});
}

}  // namespace fairstream::mqtt_bridge::client
