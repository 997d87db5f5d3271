#include "benchmarks/live_bench.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/json/array.hpp>
#include <charconv>
#include <mutex>
#include <thread>

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "benchmarks/at_once.hpp"
#include "benchmarks/latencies.hpp"
#include "benchmarks/market.hpp"
#include "benchmarks/operators_network.hpp"
#include "identity/crypto/hash.hpp"

namespace fairstream::benchmarks {

namespace fs = std::filesystem;
namespace json = boost::json;
namespace client = marketplace_dapp::client;
using namespace std::chrono_literals;
using identity::crypto::SigningKey;
using Clock = std::chrono::microseconds;  // of base::steady_now

namespace {

constexpr std::int64_t kPriceMicro = 1'000;
constexpr std::int64_t kMoneyMicro = 100'000'000;
constexpr std::uint32_t kWindowS = 3'600;
constexpr auto kHeardWithin = 120s;
constexpr auto kPump = 5ms;
constexpr auto kNotice = 200ms;  // from when readings count is said beforehand, so that writers and readers agree

/// A reading begins with the time at which it was had.
std::string reading_of(Clock now, std::size_t bytes) {
    auto text = std::to_string(now.count());
    text.resize(std::max(text.size() + 1, bytes), ' ');
    return text;
}
Clock time_of(std::string_view reading) {
    std::int64_t us = 0;
    std::from_chars(reading.data(), reading.data() + reading.size(), us);
    return Clock(us);
}

/// One stream's count. Its writer and its reader each have their own members; they meet in the atomics.
struct Lane {
    std::atomic<std::uint64_t> written{0};  // those that count
    std::atomic<std::uint64_t> heard{0};    // of these
    std::atomic<bool> open{false};          // there is a stream to buy
    std::atomic<bool> hears{false};         // the reader has had a reading
    Latencies latencies;                    // of the reader
    std::mutex mutex;                       // guards what follows
    std::string writer_says, reader_says;   // how far they are, for when something does not come

    void say(std::string Lane::*who, std::string what) {
        const std::lock_guard lock(mutex);
        this->*who = std::move(what);
    }
    std::string report() {
        const std::lock_guard lock(mutex);
        return fmt::format("{} of {} readings came (writer: {}; reader: {})", heard.load(), written.load(), writer_says,
                           reader_says);
    }
    void arrived(std::string_view reading, Clock from) {
        hears = true;
        const auto had = time_of(reading);
        if (from == Clock{} || had < from) return;
        latencies.add(base::steady_now() - had);
        ++heard;
    }
};

/// What all lanes of a run go by.
struct Course {
    std::atomic<std::int64_t> from{0};   // steady us: readings had since then count; 0: not known yet
    std::atomic<std::int64_t> until{0};  // steady us: no more readings are had
    std::atomic<bool> end{false};        // everybody comes to an end

    Clock begins() const { return Clock(from); }
    bool counts(Clock now) const { return from != 0 && now.count() >= from; }
    bool over(Clock now) const { return end || (until != 0 && now.count() >= until); }
};

/// Writes at `rate` until the course is over (one reading that counts at least), then keeps the line alive until the
/// end. `write` takes a reading, `idle` waits at most so long.
Status keep_pace(const LiveOptions& options, Course& course, Lane& lane,
                 const std::function<Status(std::string)>& write,
                 const std::function<Status(std::chrono::milliseconds)>& idle) {
    const auto period = Clock(1'000'000 / options.rate);
    for (auto next = base::steady_now(); !course.end;) {
        const auto now = base::steady_now();
        if (now >= next && (!course.over(now) || lane.written == 0)) {
            if (course.counts(now)) ++lane.written;
            FS_TRY(write(reading_of(now, options.bytes)));
            next += period;
        }
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - base::steady_now());
        FS_TRY(idle(now >= next && course.over(now) ? kPump : std::clamp<std::chrono::milliseconds>(left, 0ms, kPump)));
    }
    return {};
}

/// Waits until all lanes hear, lets them run, waits until all was heard, and ends the course. Error: lost.
Status conduct(const LiveOptions& options, Course& course, std::vector<Lane>& lanes, const std::atomic<bool>& failed) {
    const auto wait_for = [&](const auto& condition) {
        const auto deadline = base::steady_now() + kHeardWithin;
        while (!failed && !std::ranges::all_of(lanes, condition)) {
            if (base::steady_now() > deadline) return false;
            std::this_thread::sleep_for(kPump);
        }
        return true;
    };
    const bool all_hear = wait_for([](const Lane& lane) { return lane.hears.load(); });
    if (all_hear && !failed) {
        const auto from = base::steady_now() + kNotice;
        course.until = (from + std::chrono::seconds(options.seconds)).count();
        course.from = from.count();
        while (!failed && !course.over(base::steady_now())) std::this_thread::sleep_for(kPump);
    }
    const bool all_heard = wait_for([](const Lane& lane) { return lane.written > 0 && lane.heard >= lane.written; });
    course.end = true;
    if (!all_hear) return fail("lost", "a reader hears nothing");
    if (all_heard) return {};
    std::string short_of;
    for (auto& lane : lanes)
        if (lane.heard < lane.written) short_of += " " + lane.report() + ";";
    return fail("lost", fmt::format("not every reading has come within {} s:{}", kHeardWithin.count(), short_of));
}

struct Sink : client::ReadingSink {
    Sink(Lane& to, const Course& by) : lane(to), course(by) {}
    Status write(const client::Reading& reading) override {
        if (reading.sequence <= last) return fail("out_of_order", "a reading came twice, or out of order");
        last = reading.sequence;
        lane.arrived(reading.text, course.begins());
        return {};
    }
    Status flush() override { return {}; }
    std::uint64_t end() const override { return 0; }
    Status resume(std::uint64_t) override { return {}; }

    Lane& lane;
    const Course& course;
    std::uint64_t last = 0;
};

std::string text_of(const client::StreamStatus& status) {
    return fmt::format("stored through {}, key epoch {}, {} batches recorded, by way of {} {}", status.stored_through,
                       status.key_epoch, status.batches, status.operator_name, status.trouble);
}
std::string text_of(const client::SubscriptionStatus& status) {
    return fmt::format("next is {}, key epoch {}, {} batches checked, from {} {}", status.next_sequence,
                       status.key_epoch, status.batches_checked, status.operator_name, status.waiting_for);
}

struct Pair {
    client::Seller seller;
    client::Buyer buyer;
    std::string offer;
};

class LiveBench {
public:
    LiveBench(const LiveOptions& options, const Progress& progress) : options_(options), progress_(progress) {}

    Result<Measured> run() {
        FS_ASSIGN(const auto net, OperatorsNetwork::start(options_.operators, progress_));
        dir_ = net->dir();
        table_ = fmt::format("{:<16}{:>9}{:>12}{:>10}{:>10}{:>10}{:>10}\n", "", "streams", "readings/s", "readings",
                             "p50 ms", "p95 ms", "p99 ms");
        for (const auto streams : options_.streams) FS_TRY(measure(net->connection(), net->raw(), streams));
        return Measured{.json = {{"rate", options_.rate},
                                 {"bytes", options_.bytes},
                                 {"seconds", options_.seconds},
                                 {"key_epoch_s", options_.key_epoch_s},
                                 {"operators", options_.operators},
                                 {"live", std::move(found_)}},
                        .table = std::move(table_)};
    }

private:
    Status join(Pair& pair, const std::string& topic) {
        FS_TRY(join_as_seller(pair.seller, dir_));
        chaincode::schema::OfferDraft draft;
        draft.set_topic(topic);
        draft.set_mode("stream");
        draft.set_window_s(kWindowS);
        draft.set_price_micro(kPriceMicro);
        FS_ASSIGN(const auto offer, pair.seller.create_offer(draft));
        pair.offer = offer.id();
        FS_TRY(pair.buyer.register_client(""));
        FS_TRY(pair.buyer.faucet(kMoneyMicro));
        return {};
    }

    Status sell(Pair& pair, Course& course, Lane& lane) {
        FS_ASSIGN(const auto streamer, pair.seller.stream({.offer = pair.offer,
                                                           .state = dir_ / "state" / pair.offer,
                                                           .key_epoch = std::chrono::seconds(options_.key_epoch_s),
                                                           .on_status = [&](const client::StreamStatus& status) {
                                                               lane.say(&Lane::writer_says, text_of(status));
                                                           }}));
        lane.open = true;
        FS_TRY(keep_pace(
            options_, course, lane, [&](const std::string& reading) { return streamer->write(as_bytes(reading)); },
            [&](std::chrono::milliseconds wait) { return streamer->pump(wait); }));
        FS_TRY(streamer->finish());
        return {};
    }

    Status listen(Pair& pair, Course& course, Lane& lane) {
        while (!lane.open && !course.end) std::this_thread::sleep_for(kPump);
        FS_ASSIGN(const auto bought,
                  pair.buyer.buy_time(pair.offer, 1, base::to_hex(identity::crypto::random_bytes(16))));
        Sink sink(lane, course);
        FS_TRY(pair.buyer.subscribe(bought.id(), {.state = dir_ / "state" / ("buyer-" + pair.offer),
                                                  .sink = &sink,
                                                  .stop = [&] { return course.end.load(); },
                                                  .on_status =
                                                      [&](const client::SubscriptionStatus& status) {
                                                          lane.say(&Lane::reader_says, text_of(status));
                                                      }}));
        return {};
    }

    Status measure(client::Connection& connection, const RawBroker& raw, std::uint32_t streams) {
        progress_(fmt::format("{} streams, {} readings a second each", streams, options_.rate));
        std::vector<Pair> pairs;
        for (std::uint32_t n = 0; n < streams; ++n)
            pairs.push_back({client::Seller(connection, SigningKey::generate()),
                             client::Buyer(connection, SigningKey::generate()),
                             {}});
        FS_TRY(at_once(streams, streams,
                       [&](std::uint32_t n) { return join(pairs[n], fmt::format("bench/live-{}-{}", streams, n)); }));
        FS_ASSIGN(auto ours, run_course(streams, [&](std::uint32_t n, Course& course, Lane& lane) {
                      return n < streams ? sell(pairs[n], course, lane) : listen(pairs[n - streams], course, lane);
                  }));
        FS_ASSIGN(auto plain, run_course(streams, [&](std::uint32_t n, Course& course, Lane& lane) {
                      return n < streams ? publish(raw, n, course, lane) : hear(raw, n - streams, course, lane);
                  }));
        auto entry = row("live stream", streams, ours);
        entry["streams"] = streams;
        entry["raw_mosquitto"] = row("plain Mosquitto", streams, plain);
        entry["p50_ratio_to_raw"] = ours.percentile_ms(50) / plain.percentile_ms(50);
        found_.push_back(std::move(entry));
        return {};
    }

    /// 2 `streams` jobs: writers, then readers, on a lane each; what all readers saw.
    Result<Latencies> run_course(std::uint32_t streams,
                                 const std::function<Status(std::uint32_t, Course&, Lane&)>& job) {
        Course course;
        std::vector<Lane> lanes(streams);
        std::atomic<bool> failed{false};
        Status conducted;
        const auto done = at_once(2 * streams + 1, 2 * streams + 1, [&](std::uint32_t n) -> Status {
            if (n == 2 * streams) {
                conducted = conduct(options_, course, lanes, failed);
                return {};
            }
            auto ended = job(n, course, lanes[n % streams]);
            if (!ended) failed = course.end = true;
            return ended;
        });
        FS_TRY(Status(done));
        FS_TRY(Status(conducted));
        Latencies all;
        for (const auto& lane : lanes) all.merge(lane.latencies);
        return all;
    }

    Status publish(const RawBroker& raw, std::uint32_t n, Course& course, Lane& lane) const {
        FS_ASSIGN(const auto session, raw.connect({}));
        return keep_pace(
            options_, course, lane,
            [&](const std::string& reading) { return session->publish(fmt::format("raw/{}", n), as_bytes(reading)); },
            [](std::chrono::milliseconds wait) -> Status {
                std::this_thread::sleep_for(wait);
                return {};
            });
    }

    Status hear(const RawBroker& raw, std::uint32_t n, Course& course, Lane& lane) const {
        FS_ASSIGN(const auto session, raw.connect({.on_message =
                                                       [&](const mqtt_bridge::client::MqttMessage& message) {
                                                           lane.arrived(as_text(message.payload), course.begins());
                                                       },
                                                   .on_lost = {}}));
        FS_TRY(session->subscribe({fmt::format("raw/{}", n)}));
        while (!course.end) std::this_thread::sleep_for(kPump);
        return {};
    }

    json::object row(const char* what, std::uint32_t streams, const Latencies& latencies) {
        const auto per_second = static_cast<double>(latencies.count()) / options_.seconds;
        table_ += fmt::format("{:<16}{:>9}{:>12.0f}{:>10}{:>10.1f}{:>10.1f}{:>10.1f}\n", what, streams, per_second,
                              latencies.count(), latencies.percentile_ms(50), latencies.percentile_ms(95),
                              latencies.percentile_ms(99));
        auto out = latencies.to_json();
        out["readings"] = latencies.count();
        out["readings_per_second"] = per_second;
        return out;
    }

    const LiveOptions options_;
    const Progress& progress_;
    fs::path dir_;
    json::array found_;
    std::string table_;
};

}  // namespace

Result<Measured> measure_live(const LiveOptions& options, const Progress& progress) {
    return LiveBench(options, progress).run();
}

}  // namespace fairstream::benchmarks
