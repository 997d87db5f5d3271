#include "tests/simulation/harness/scheduler.hpp"

namespace fairstream::tests::simulation {

void Scheduler::at(Micros when, std::function<void()> what) {
    ++foreground_;
    add(when, {std::move(what), false});
}

void Scheduler::in_background(Micros when, std::function<void()> what) {
    add(when, {std::move(what), true});
}

bool Scheduler::run_next(Micros patience) {
    if (agenda_.empty() || (foreground_ == 0 && agenda_.begin()->first.first > last_foreground_ + patience))
        return false;
    auto next = agenda_.extract(agenda_.begin());
    now_ = next.key().first;
    if (!next.mapped().background) {
        --foreground_;
        last_foreground_ = now_;
    }
    next.mapped().what();
    return true;
}

}  // namespace fairstream::tests::simulation
