#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "base/metrics.hpp"
#include "base/net/http.hpp"
#include "marketplace_dapp/events/database.hpp"

namespace fairstream::marketplace_dapp::events {

/// Takes in what the storage operators themselves report, on a thread of its own: asks each that the ledger lists as
/// active, checks who signed, and keeps the newest word of each on each stream, beside the read model.
class OperatorWatch {
public:
    struct Options {
        std::string network;
        std::string trusted_roots;  // PEM: of the operators' HTTPS servers
        std::chrono::milliseconds every{10'000};
    };

    /// `metrics` must outlive it.
    OperatorWatch(std::string connection, Options options, base::Metrics& metrics);
    /// Returns after the request at hand.
    ~OperatorWatch();

private:
    struct Listed {
        std::string name, did, url;
    };
    void run();
    Status round();
    Status ask(const Listed& storage);
    bool stopping();

    Database database_;
    const Options options_;
    base::Metrics& metrics_;
    base::net::HttpClient http_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace fairstream::marketplace_dapp::events
