#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/metrics.hpp"
#include "base/net/http.hpp"
#include "marketplace_dapp/api/answer.hpp"
#include "marketplace_dapp/api/reads.hpp"
#include "marketplace_dapp/api/told_events.hpp"

namespace fairstream::marketplace_dapp::api {

/// Events as pages and as streams of server-sent events. One thread reads PostgreSQL for all followers, those who are
/// as far as one another together. Every event has an id that a follower resumes after (`after`, or Last-Event-ID). A
/// follower that does not take what waits for it is told "too_slow" and let go: it resumes when it can. Streams end
/// with an event "end" that says why; a stream that breaks off has not ended.
class EventFeed {
public:
    struct Limits {
        std::size_t max_followers = 256;
        std::size_t max_waiting_bytes = 256u << 10;  // of one follower
        std::chrono::milliseconds heartbeat{15'000};
        std::chrono::milliseconds patience{10'000};  // with a follower that takes nothing
    };

    /// `reads` and `metrics` must outlive it.
    EventFeed(std::string connection, std::string network, Reads& reads, Limits limits, base::Metrics& metrics);
    /// Streams that are open break off.
    ~EventFeed();

    /// From any thread: the read model has gone on.
    void wake();

    /// GET /api/v1/events: a page. Blocking, like the two below; from any thread but the loop's.
    Answer page(const Reads::Query& query);
    /// The same as a stream.
    base::net::HttpResponse follow(const base::net::HttpRequest& request);
    /// GET /api/v1/purchases/{id}/events: the purchase as it stands whenever something happens to it, until it is
    /// settled or refunded.
    base::net::HttpResponse follow_purchase(const std::string& id, const base::net::HttpRequest& request);

private:
    struct Follower {
        std::shared_ptr<base::net::HttpBodyWriter> writer;
        std::shared_ptr<void> slot;
        EventFilter filter;
        std::string purchase;  // followed as a record; empty: events as they are
        events::EventPlace after;
        bool shown = false;  // the purchase has been
        std::chrono::microseconds heard{0};
        std::optional<std::chrono::microseconds> stuck_since;
    };
    using Pages = std::map<std::pair<events::EventPlace, EventFilter>, Result<ToldPage>>;

    void run();
    /// True if there is more to do at once.
    bool serve();
    bool serve_one(Follower& follower, Pages& pages);
    bool keeps_up(Follower& follower, std::chrono::microseconds now);
    void show_purchase(Follower& follower, const ToldPage& page);
    void end(Follower& follower, const std::string& why);
    Result<events::EventPlace> place_of(const std::optional<std::string>& after);
    std::shared_ptr<void> take_slot();
    base::net::HttpResponse stream(Follower follower);

    const std::string network_;
    Reads& reads_;
    const Limits limits_;
    base::Metrics& metrics_;
    events::DatabasePool database_;
    std::vector<Follower> followers_;  // of the thread alone
    const std::shared_ptr<std::atomic<std::size_t>> open_ = std::make_shared<std::atomic<std::size_t>>(0);

    std::mutex mutex_;  // guards what follows
    std::condition_variable woken_;
    std::vector<Follower> arrived_;
    bool wake_ = false, stopping_ = false;
    std::thread thread_;
};

}  // namespace fairstream::marketplace_dapp::api
