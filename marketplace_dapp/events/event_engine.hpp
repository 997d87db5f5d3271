#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/metrics.hpp"
#include "marketplace_dapp/events/chain_source.hpp"
#include "marketplace_dapp/events/database.hpp"

namespace fairstream::marketplace_dapp::events {

/// Keeps the read model level with the chain, on a thread of its own: takes sealed blocks, projects them, and writes
/// rows and checkpoint in one transaction. Goes on after PostgreSQL or the gateways were away, from what PostgreSQL
/// holds.
class EventEngine {
public:
    struct Options {
        std::string network;
        bool rebuild = false;  // drop the read model first and make it again from block 1
    };
    struct State {
        std::uint64_t height = 0;     // of the read model
        std::uint64_t sealed = 0;     // of the chain, as far as known
        bool started = false;         // the read model has been opened
        std::optional<Error> halted;  // the chain contradicts the read model: only a rebuild helps
    };

    /// `source` and `metrics` must outlive it.
    EventEngine(ChainSource& source, std::string connection, Options options, base::Metrics& metrics);
    ~EventEngine();
    /// Returns after the transaction at hand. To be called while the loop of the source's client still runs.
    void stop();
    State state() const;
    /// `listener` is called, on the engine's thread, whenever the read model has gone on; nothing: nobody any more.
    /// Returns when the one before is not being called.
    void on_progress(std::function<void()> listener);

private:
    void run();
    /// Follows the chain until something fails.
    Status follow();
    void pause(const Error& why);
    void publish(std::uint64_t height);

    ChainSource& source_;
    Database database_;
    Options options_;
    base::Metrics& metrics_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    State state_;
    std::mutex listening_;
    std::function<void()> listener_;  // guarded by listening_
    std::string told_;                // the code of the last failure in the log, so that an outage is one line
    std::atomic<bool> stopping_ = false;
    std::thread thread_;
};

}  // namespace fairstream::marketplace_dapp::events
