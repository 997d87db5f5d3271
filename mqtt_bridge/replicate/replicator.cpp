#include "mqtt_bridge/replicate/replicator.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace fairstream::mqtt_bridge::replicate {

namespace {

constexpr std::size_t kBoundaries = 1024;
constexpr std::size_t kUnproven = 64;
constexpr std::size_t kEnds = 32;

}  // namespace

Replicator::Replicator(Peer self, Limits limits) : self_(std::move(self)), limits_(limits) {}

std::vector<Action> Replicator::step(Event event) {
    out_.clear();
    std::visit([this](auto&& one) { on(std::move(one)); }, std::move(event));
    sign_if_due();
    return std::move(out_);
}

Position Replicator::durable(const StreamHash& stream) const {
    const auto found = streams_.find(stream);
    return found == streams_.end() ? Position{} : found->second.durable;
}

bool Replicator::placed(const StreamHash& stream) const {
    const auto found = streams_.find(stream);
    return found != streams_.end() && found->second.placed;
}

/// The stream, if it is ours and `peer` (empty: nobody in particular) is another of its operators.
Replicator::Stream* Replicator::of(const StreamHash& id, const Peer& peer) {
    const auto found = streams_.find(id);
    if (found == streams_.end() || !found->second.placed) return nullptr;
    if (!peer.empty() && !found->second.peers.contains(peer)) return nullptr;
    return &found->second;
}

// ---- Life of a stream ---------------------------------------------------------------------------------------------

void Replicator::on(Restored event) {
    Stream& stream = streams_[event.stream];
    FS_ASSERT(stream.in_flight.empty());
    stream.durable = stream.accepted = event.position;
    stream.live_through = event.position.through;
    stream.boundaries = {event.position};
}

void Replicator::on(StreamPlaced event) {
    Stream& stream = streams_[event.stream];
    stream.placed = std::ranges::find(event.operators, self_) != event.operators.end();
    stream.quorum = event.quorum;
    std::erase_if(stream.peers, [&](const auto& entry) {
        return std::ranges::find(event.operators, entry.first) == event.operators.end();
    });
    if (!stream.placed) return;
    for (const Peer& peer : event.operators)
        if (peer != self_) stream.peers.try_emplace(peer);
    if (stream.fetching && !stream.peers.contains(stream.fetching->peer)) stream.fetching.reset();
    if (stream.peers.empty()) return;
    unequal_.insert(event.stream);
    for (const auto& [peer, view] : stream.peers) send_mark(event.stream, stream, peer, /*ask=*/true);
}

void Replicator::on(PeerUp event) {
    up_.insert(event.peer);
    for (auto& [id, stream] : streams_)
        if (stream.placed && stream.peers.contains(event.peer)) send_mark(id, stream, event.peer, /*ask=*/true);
}

void Replicator::on(PeerDown event) {
    up_.erase(event.peer);
    for (const StreamHash& id : behind_) {
        Stream& stream = streams_.at(id);
        if (stream.fetching && stream.fetching->peer == event.peer) stream.fetching.reset();
    }
}

// ---- Bundles ------------------------------------------------------------------------------------------------------

void Replicator::on(BundleArrived event) {
    Arrival& arrival = event.arrival;
    const log::Record& bundle = *arrival.bundle;
    Stream* stream = of(bundle.stream, arrival.peer);
    if (stream == nullptr) return;
    const std::uint64_t next = stream->accepted.through + 1;
    if (bundle.first == next) {
        if (bundle.previous != stream->accepted.head) {
            out_.push_back(Conflict{std::move(arrival)});
        } else if (stream->in_flight.size() < limits_.max_in_flight) {  // else it is sent again later
            const StreamHash id = bundle.stream;
            accept(*stream, std::move(arrival));
            drain_waiting(id, *stream);
            update_behind(id, *stream);
        }
    } else if (bundle.first > next) {
        if (!arrival.reply_to.empty()) out_.push_back(TellExpected{bundle.stream, arrival.reply_to, stream->accepted});
        const StreamHash id = bundle.stream;
        if (stream->waiting.size() < limits_.max_waiting) stream->waiting.try_emplace(bundle.first, std::move(arrival));
        update_behind(id, *stream);
    } else if (bundle.first <= stream->durable.through) {
        out_.push_back(Append{std::move(arrival)});  // the log knows whether it is the same
    } else {
        const bool same = std::ranges::any_of(stream->in_flight, [&](const Arrival& held) {
            return held.bundle->first == bundle.first && held.bundle->head == bundle.head;
        });
        if (!same) out_.push_back(Conflict{std::move(arrival)});
    }
}

void Replicator::accept(Stream& stream, Arrival arrival) {
    stream.accepted = {arrival.bundle->last, arrival.bundle->head};
    stream.in_flight.push_back(arrival);
    out_.push_back(Append{std::move(arrival)});
}

void Replicator::drain_waiting(const StreamHash&, Stream& stream) {
    while (!stream.waiting.empty() && stream.waiting.begin()->first <= stream.accepted.through + 1) {
        Arrival arrival = std::move(stream.waiting.begin()->second);
        stream.waiting.erase(stream.waiting.begin());
        if (arrival.bundle->first != stream.accepted.through + 1) continue;
        if (arrival.bundle->previous != stream.accepted.head) {
            out_.push_back(Conflict{std::move(arrival)});
        } else if (stream.in_flight.size() < limits_.max_in_flight) {
            accept(stream, std::move(arrival));
        }
    }
}

void Replicator::on(Stored event) {
    const StreamHash id = event.arrival.bundle->stream;
    Stream& stream = streams_.at(id);
    switch (event.outcome) {
        case log::Outcome::kAppended:
            stored_new(id, stream, std::move(event.arrival));
            break;
        case log::Outcome::kDuplicate:
            stored_again(id, stream, event.arrival);
            break;
        case log::Outcome::kConflict:
            out_.push_back(Conflict{std::move(event.arrival)});
            break;
        case log::Outcome::kGap:
            FS_ASSERT(!"an append that was in order left a gap");
    }
}

void Replicator::stored_new(const StreamHash& id, Stream& stream, Arrival arrival) {
    FS_ASSERT(!stream.in_flight.empty() && stream.in_flight.front().bundle->first == arrival.bundle->first);
    stream.in_flight.pop_front();
    stream.durable = {arrival.bundle->last, arrival.bundle->head};
    stream.boundaries.push_back(stream.durable);
    if (stream.boundaries.size() > kBoundaries) stream.boundaries.pop_front();
    dirty_.insert(id);
    if (arrival.closing) {
        ended_.emplace_back(id, stream.durable);
        stream.ends.insert(stream.durable.through);
        if (stream.ends.size() > kEnds) stream.ends.erase(stream.ends.begin());
    }
    if (!stream.peers.empty()) unequal_.insert(id);
    for (auto& [peer, view] : stream.peers) {
        const bool sent_it = peer == arrival.peer;
        const bool has_it = view.latest.through >= arrival.bundle->last;
        if (arrival.peer.empty() && !sent_it && !has_it && up_.contains(peer))
            out_.push_back(Push{peer, arrival.bundle});
        send_mark(id, stream, peer, /*ask=*/false);
        prove(id, stream, peer, view);
    }
    advance_live(id, stream);
    fetch_if_behind(id, stream, /*at_once=*/false);
}

void Replicator::stored_again(const StreamHash& id, Stream& stream, const Arrival& arrival) {
    if (!arrival.peer.empty()) return;
    dirty_.insert(id);  // the writer asks again because it saw no quorum: say once more what is known
    const std::uint64_t last = arrival.bundle->last;
    if (arrival.closing) ended_.emplace_back(id, Position{last, arrival.bundle->head});
    for (auto& [peer, view] : stream.peers) {
        if (const auto end = view.end_receipts.find(last); end != view.end_receipts.end())
            out_.push_back(PublishReceipt{id, end->second});
        if (!view.receipt.empty()) out_.push_back(PublishReceipt{id, view.receipt});
        send_mark(id, stream, peer, /*ask=*/true);
    }
}

void Replicator::on(BadBundle event) {
    Stream* stream = of(event.stream, event.peer);
    if (stream == nullptr) return;
    out_.push_back(PeerFault{event.peer, event.stream, "its bytes are not what the writer signed"});
    stream->peers.at(event.peer).shunned_until = now_ + limits_.shun;
    if (!stream->fetching || stream->fetching->peer != event.peer) return;
    stream->fetching.reset();  // somebody else may be honest
    fetch_if_behind(event.stream, *stream, /*at_once=*/true);
}

// ---- Marks and receipts -------------------------------------------------------------------------------------------

void Replicator::send_mark(const StreamHash& id, const Stream& stream, const Peer& peer, bool ask) {
    if (up_.contains(peer)) out_.push_back(SendMark{peer, {id, stream.durable, ask, 0}});
}

void Replicator::on(MarkArrived event) {
    const StreamHash& id = event.mark.stream;
    Stream* stream = of(id, event.peer);
    if (stream == nullptr) return;
    if (event.mark.range_end != 0 && stream->fetching && stream->fetching->peer == event.peer)
        stream->fetching->range_end = event.mark.range_end;
    note_mark(id, *stream, event.peer, event.mark.position);
    if (event.mark.ask) send_mark(id, *stream, event.peer, /*ask=*/false);
    fetch_if_behind(id, *stream, /*at_once=*/false);
}

void Replicator::on(ReceiptArrived event) {
    Stream* stream = of(event.stream, event.peer);
    if (stream == nullptr) return;
    PeerView& view = stream->peers.at(event.peer);
    if (stream->ends.contains(event.position.through)) {
        view.end_receipts.insert_or_assign(event.position.through, event.encoded);
        if (view.end_receipts.size() > kEnds) view.end_receipts.erase(view.end_receipts.begin());
    }
    if (event.position.through < view.receipt_through)  // over a batch's end, overtaken by a later one
        return out_.push_back(PublishReceipt{event.stream, std::move(event.encoded)});
    view.receipt_through = event.position.through;
    view.receipt = event.encoded;
    out_.push_back(PublishReceipt{event.stream, std::move(event.encoded)});
    if (event.position.through >= view.latest.through) note_mark(event.stream, *stream, event.peer, event.position);
}

void Replicator::note_mark(const StreamHash& id, Stream& stream, const Peer& peer, const Position& position) {
    PeerView& view = stream.peers.at(peer);
    view.latest = position;
    if (position.through > 0 && (view.unproven.empty() || view.unproven.back().through < position.through)) {
        view.unproven.push_back(position);
        if (view.unproven.size() > kUnproven) view.unproven.pop_front();
    }
    prove(id, stream, peer, view);
    if (position == stream.durable) {
        const bool all =
            std::ranges::all_of(stream.peers, [&](const auto& one) { return one.second.latest == stream.durable; });
        if (all) unequal_.erase(id);
    } else {
        unequal_.insert(id);
    }
    advance_live(id, stream);
    update_behind(id, stream);
}

/// Counts what the peer holds of the very chain that is durable here.
void Replicator::prove(const StreamHash& id, Stream& stream, const Peer& peer, PeerView& view) {
    while (!view.unproven.empty() && view.unproven.front().through <= stream.durable.through) {
        const Position said = view.unproven.front();
        view.unproven.pop_front();
        const auto ours = std::ranges::lower_bound(stream.boundaries, said.through, {}, &Position::through);
        if (ours == stream.boundaries.end() || ours->through != said.through) {
            if (!stream.boundaries.empty() && said.through > stream.boundaries.front().through)
                out_.push_back(PeerFault{peer, id, "it says it stored up to a number where no bundle ends"});
        } else if (ours->head != said.head) {
            out_.push_back(PeerFault{peer, id, "it holds another manifest up to " + std::to_string(said.through)});
        } else {
            view.confirmed = std::max(view.confirmed, said.through);
        }
    }
}

void Replicator::advance_live(const StreamHash& id, Stream& stream) {
    std::vector<std::uint64_t> held{stream.durable.through};
    for (const auto& [peer, view] : stream.peers) held.push_back(view.confirmed);
    if (stream.quorum == 0 || stream.quorum > held.size()) return;
    std::ranges::sort(held, std::greater<>());
    const std::uint64_t through = std::min(held[stream.quorum - 1], stream.durable.through);
    if (through <= stream.live_through) return;
    out_.push_back(PublishLive{id, stream.live_through + 1, through});
    stream.live_through = through;
}

void Replicator::sign_if_due() {
    if ((dirty_.empty() && ended_.empty()) || now_ - last_signed_ < limits_.receipt_interval) return;
    last_signed_ = now_;
    SignMarks sign;
    for (const auto& [id, end] : ended_) sign.marks.push_back(mark_to_sign(id, end));
    for (const StreamHash& id : dirty_) {
        const Position& durable = streams_.at(id).durable;
        const bool said = std::ranges::find(ended_, std::pair(id, durable)) != ended_.end();
        if (durable.through > 0 && !said) sign.marks.push_back(mark_to_sign(id, durable));
    }
    dirty_.clear();
    ended_.clear();
    if (!sign.marks.empty()) out_.push_back(std::move(sign));
}

SignMarks::One Replicator::mark_to_sign(const StreamHash& id, const Position& position) const {
    SignMarks::One one{id, position, {}};
    for (const auto& [peer, view] : streams_.at(id).peers) one.peers.push_back(peer);
    return one;
}

// ---- Repair -------------------------------------------------------------------------------------------------------

void Replicator::on(FetchArrived event) {
    Stream* stream = of(event.fetch.stream, event.peer);
    if (stream == nullptr || event.fetch.from == 0) return;
    if (event.fetch.from <= stream->durable.through)
        out_.push_back(SendRange{event.peer, event.fetch.stream, event.fetch.from});
    else
        send_mark(event.fetch.stream, *stream, event.peer, /*ask=*/false);
}

void Replicator::update_behind(const StreamHash& id, Stream& stream) {
    const bool behind = !stream.waiting.empty() || std::ranges::any_of(stream.peers, [&](const auto& one) {
        return one.second.latest.through > stream.accepted.through;
    });
    if (!behind) {
        stream.behind_since.reset();
        stream.fetching.reset();
        behind_.erase(id);
    } else if (!stream.behind_since) {
        stream.behind_since = now_;
        behind_.insert(id);
    }
}

/// Asks the next peer that has more. `at_once`: without waiting for what may be under way.
void Replicator::fetch_if_behind(const StreamHash& id, Stream& stream, bool at_once) {
    if (stream.fetching) {
        const bool done = stream.fetching->range_end != 0 && stream.accepted.through >= stream.fetching->range_end;
        if (!done && now_ < stream.fetching->deadline) return;
        stream.fetching.reset();
        at_once = at_once || done;
    }
    update_behind(id, stream);
    if (!stream.behind_since || (!at_once && now_ - *stream.behind_since < limits_.patience)) return;
    std::vector<Peer> able;
    for (const auto& [peer, view] : stream.peers)
        if (view.latest.through > stream.accepted.through && up_.contains(peer) && view.shunned_until <= now_)
            able.push_back(peer);
    if (able.empty()) return;
    const auto after = std::ranges::upper_bound(able, stream.last_fetched);
    const Peer peer = after == able.end() ? able.front() : *after;
    stream.last_fetched = peer;
    stream.fetching = Fetching{peer, now_ + limits_.fetch_timeout, 0};
    out_.push_back(SendFetch{peer, {id, stream.accepted.through + 1}});
}

void Replicator::on(Tick event) {
    now_ = std::max(now_, event.now);
    const std::set<StreamHash> behind = behind_;  // fetch_if_behind may shrink it
    for (const StreamHash& id : behind) fetch_if_behind(id, streams_.at(id), /*at_once=*/false);
    if (now_ - last_marked_ < limits_.mark_interval) return;
    last_marked_ = now_;
    for (const StreamHash& id : unequal_) {
        const Stream& stream = streams_.at(id);
        for (const auto& [peer, view] : stream.peers)
            if (view.latest != stream.durable) send_mark(id, stream, peer, /*ask=*/true);
    }
}

}  // namespace fairstream::mqtt_bridge::replicate
