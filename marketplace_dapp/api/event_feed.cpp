#include "marketplace_dapp/api/event_feed.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "base/clock.hpp"
#include "base/net/sse.hpp"
#include "marketplace_dapp/api/identifiers.hpp"

namespace fairstream::marketplace_dapp::api {

namespace json = boost::json;
using base::net::HttpRequest;
using base::net::HttpResponse;
using events::EventPlace;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t kEventsOfPage = 500;
constexpr auto kTick = 1s;  // heartbeats, and clients that are gone, need no better
constexpr char kPurchaseType[] = "fairstream.purchase";

/// Where to begin: the header, which a browser sets when it connects again, counts more than the URL.
Result<std::optional<std::string>> begin_of(const HttpRequest& request, Parameters& parameters) {
    FS_ASSIGN(const auto after, parameters.text("after", 64));
    const auto last = request.headers.find("last-event-id");
    return last == request.headers.end() ? after : last->second;
}

bool is_final(const json::object& purchase) {
    const auto& state = purchase.at("state").as_string();
    return state == "settled" || state == "refunded";
}

}  // namespace

EventFeed::EventFeed(std::string connection, std::string network, Reads& reads, Limits limits, base::Metrics& metrics)
    : network_(std::move(network)),
      reads_(reads),
      limits_(limits),
      metrics_(metrics),
      database_(std::move(connection)),
      thread_([this] { run(); }) {}

EventFeed::~EventFeed() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    woken_.notify_all();
    thread_.join();
}

void EventFeed::wake() {
    const std::lock_guard lock(mutex_);
    wake_ = true;
    woken_.notify_all();
}

// -- asked for

Result<EventPlace> EventFeed::place_of(const std::optional<std::string>& after) {
    if (!after) return EventPlace{};
    if (*after != "now") return EventPlace::parse(*after);
    FS_ASSIGN(const auto height, reads_.height());
    return EventPlace::end_of(height);
}

Answer EventFeed::page(const Reads::Query& query) {
    Parameters parameters(query);
    FS_ASSIGN(const auto after, parameters.text("after", 64));
    FS_ASSIGN(const auto place, place_of(after));
    FS_ASSIGN(const auto filter, EventFilter::read(parameters));
    FS_ASSIGN(const auto limit, parameters.integer("limit", 1, kEventsOfPage));
    FS_TRY(parameters.finish());
    FS_ASSIGN(auto page, told_after(database_, network_, filter, place, limit.value_or(100)));
    json::array events;
    for (auto& event : page.events) events.push_back(std::move(event));
    return json::object{{"events", std::move(events)}, {"next", page.through.text()}, {"more", page.full}};
}

HttpResponse EventFeed::follow(const HttpRequest& request) {
    Parameters parameters(request.query);
    Follower follower;
    const auto read = [&]() -> Status {
        FS_ASSIGN(const auto after, begin_of(request, parameters));
        FS_ASSIGN(follower.after, place_of(after));
        FS_ASSIGN(follower.filter, EventFilter::read(parameters));
        return parameters.finish();
    };
    if (const auto good = read(); !good) return to_response(fail(good.error()));
    return stream(std::move(follower));
}

HttpResponse EventFeed::follow_purchase(const std::string& id, const HttpRequest& request) {
    Parameters parameters(request.query);
    const auto after = begin_of(request, parameters);
    if (!after) return to_response(fail(after.error()));
    if (const auto good = parameters.finish(); !good) return to_response(fail(good.error()));
    const auto purchase = reads_.purchase(id);
    if (!purchase) return to_response(purchase);
    Follower follower;
    follower.purchase = follower.filter.subject.emplace(id);
    if (*after) {
        const auto place = EventPlace::parse(**after);
        if (!place) return to_response(fail(place.error()));
        follower.after = *place;
        follower.shown = true;
        const auto news = told_after(database_, network_, follower.filter, follower.after, 1);
        if (!news) return to_response(fail(news.error()));
        // Nothing will ever come: a browser that hears 204 does not connect again.
        if (news->events.empty() && is_final(purchase->as_object())) return {204, {}, {}};
    }
    return stream(std::move(follower));
}

HttpResponse EventFeed::stream(Follower follower) {
    follower.slot = take_slot();
    if (!follower.slot)
        return to_response(fail("too_many_followers", "as many follow as this server has room for; come back later"));
    return {200,
            {{"content-type", base::net::kSseContentType}, {"cache-control", "no-store"}, {"x-accel-buffering", "no"}},
            {},
            [this, follower](std::shared_ptr<base::net::HttpBodyWriter> writer) mutable {
                follower.writer = std::move(writer);
                follower.heard = base::steady_now();
                const std::lock_guard lock(mutex_);
                if (stopping_) return;
                arrived_.push_back(std::move(follower));
                wake_ = true;
                woken_.notify_all();
            }};
}

std::shared_ptr<void> EventFeed::take_slot() {
    if (open_->fetch_add(1) >= limits_.max_followers) {
        open_->fetch_sub(1);
        return nullptr;
    }
    return {open_.get(), [open = open_](void*) { open->fetch_sub(1); }};
}

// -- the thread

void EventFeed::run() {
    for (bool more = false;;) {
        {
            std::unique_lock lock(mutex_);
            if (!more) woken_.wait_for(lock, kTick, [this] { return wake_ || stopping_; });
            wake_ = false;
            for (auto& follower : arrived_) followers_.push_back(std::move(follower));
            arrived_.clear();
            if (stopping_) return;
        }
        more = serve();
    }
}

bool EventFeed::serve() {
    const auto now = base::steady_now();
    std::erase_if(followers_, [&](Follower& follower) { return !keeps_up(follower, now); });
    metrics_.gauge("fairstream_event_followers", static_cast<double>(followers_.size()));
    Pages pages;
    bool more = false;
    for (auto& follower : followers_) {
        if (!follower.stuck_since) more = serve_one(follower, pages) || more;
        if (now - follower.heard < limits_.heartbeat) continue;
        follower.writer->write(base::net::sse_comment());
        follower.heard = now;
    }
    return more;
}

bool EventFeed::keeps_up(Follower& follower, std::chrono::microseconds now) {
    if (!follower.writer->open()) return false;
    if (follower.writer->waiting_bytes() <= limits_.max_waiting_bytes) {
        follower.stuck_since.reset();
        return true;
    }
    if (!follower.stuck_since) follower.stuck_since = now;
    if (now - *follower.stuck_since < limits_.patience) return true;
    end(follower, "too_slow");
    return false;
}

bool EventFeed::serve_one(Follower& follower, Pages& pages) {
    const auto key = std::pair(follower.after, follower.filter);
    auto found = pages.find(key);
    if (found == pages.end())
        found =
            pages.emplace(key, told_after(database_, network_, follower.filter, follower.after, kEventsOfPage)).first;
    if (!found->second) return false;  // PostgreSQL is away: later
    const auto& page = *found->second;
    if (!follower.purchase.empty()) {
        if (!page.events.empty() || !follower.shown) show_purchase(follower, page);
        return page.full;
    }
    std::string text;
    for (std::size_t i = 0; i < page.events.size(); ++i)
        text += base::net::sse_event(page.ids[i], {}, json::serialize(page.events[i]));
    if (!text.empty()) {
        follower.writer->write(std::move(text));
        follower.heard = base::steady_now();
    }
    follower.after = page.through;
    return page.full;
}

/// One event for all that has happened to it since the last.
void EventFeed::show_purchase(Follower& follower, const ToldPage& page) {
    const auto purchase = reads_.purchase(follower.purchase);
    if (!purchase) return;  // later
    const auto place = page.ids.empty() ? Result<EventPlace>(follower.after) : EventPlace::parse(page.ids.back());
    const auto now_us = base::to_us(base::wall_now());
    const auto event =
        events::cloud_event(network_, *place, kPurchaseType, follower.purchase, now_us, purchase->as_object());
    follower.writer->write(base::net::sse_event(place->text(), {}, json::serialize(event)));
    follower.heard = base::steady_now();
    follower.after = page.full ? *place : page.through;
    follower.shown = true;
    if (is_final(purchase->as_object())) end(follower, "final");
}

void EventFeed::end(Follower& follower, const std::string& why) {
    follower.writer->write(base::net::sse_event({}, "end", json::serialize(json::object{{"reason", why}})));
    follower.writer->close();
    metrics_.count("fairstream_event_streams_ended_total", 1, {{"reason", why}});
}

}  // namespace fairstream::marketplace_dapp::api
