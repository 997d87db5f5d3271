#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <random>
#include <utility>

namespace fairstream::tests::simulation {

using Micros = std::chrono::microseconds;

/// Time and chance of one run: what happens next is the earliest on the agenda, and every draw comes from the seed.
class Scheduler {
public:
    explicit Scheduler(std::uint64_t seed) : random_(seed) {}

    Micros now() const { return now_; }
    void at(Micros when, std::function<void()> what);
    /// The same, but the run does not wait for it: nodes that ask one another for news go on for ever.
    void in_background(Micros when, std::function<void()> what);
    /// Does the next thing. False if only what is in the background has happened for `patience`.
    bool run_next(Micros patience);

    std::uint64_t draw(std::uint64_t below) { return random_() % below; }
    bool chance(int permille) { return static_cast<int>(draw(1000)) < permille; }
    Micros some(int least_us, int most_us) {
        return Micros(least_us + static_cast<int>(draw(static_cast<std::uint64_t>(most_us - least_us + 1))));
    }

private:
    struct Item {
        std::function<void()> what;
        bool background = false;
    };
    void add(Micros when, Item item) { agenda_.emplace(std::pair(std::max(when, now_), sequence_++), std::move(item)); }

    std::mt19937_64 random_;
    Micros now_{};
    Micros last_foreground_{};
    std::size_t foreground_ = 0;
    std::uint64_t sequence_ = 0;
    std::map<std::pair<Micros, std::uint64_t>, Item> agenda_;
};

}  // namespace fairstream::tests::simulation
