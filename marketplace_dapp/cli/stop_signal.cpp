#include "marketplace_dapp/cli/stop_signal.hpp"

#include <atomic>

namespace fairstream::marketplace_dapp::cli {

namespace {

std::atomic<bool> stop_asked{false};
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void ask_to_stop(int) {
    stop_asked.store(true);
}

}  // namespace

StopSignal::StopSignal() {
    stop_asked.store(false);
    struct sigaction action {};
    action.sa_handler = &ask_to_stop;
    action.sa_flags = static_cast<int>(SA_RESETHAND);  // the second one is not caught
    ::sigaction(SIGINT, &action, &old_int_);
    ::sigaction(SIGTERM, &action, &old_term_);
}

StopSignal::~StopSignal() {
    ::sigaction(SIGINT, &old_int_, nullptr);
    ::sigaction(SIGTERM, &old_term_, nullptr);
}

bool StopSignal::asked() const {
    return stop_asked.load();
}

}  // namespace fairstream::marketplace_dapp::cli
