#pragma once

#include <csignal>

namespace fairstream::marketplace_dapp::cli {

/// While it lives, SIGINT and SIGTERM ask a long-running verb to come to a clean end; a second one ends the process as
/// usual. One at a time.
class StopSignal {
public:
    StopSignal();
    ~StopSignal();
    StopSignal(const StopSignal&) = delete;
    StopSignal& operator=(const StopSignal&) = delete;

    bool asked() const;

private:
    struct sigaction old_int_ {};
    struct sigaction old_term_ {};
};

}  // namespace fairstream::marketplace_dapp::cli
