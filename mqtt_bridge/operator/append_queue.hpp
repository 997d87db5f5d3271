#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "mqtt_bridge/log/stream_log.hpp"
#include "mqtt_bridge/replicate/replicator.hpp"

namespace fairstream::mqtt_bridge::storage_operator {

/// Group commit: a thread that takes whatever appends have gathered while the last sync ran, and stores them under one.
/// Bounded by the replicator's own limits on what is in flight.
class AppendQueue {
public:
    using Done = std::function<void(Result<std::vector<replicate::Stored>>)>;
    /// `done` runs on the queue's thread, once per batch; after an error the queue takes no more.
    AppendQueue(log::StreamLog& log, Done done);
    ~AppendQueue();  // what waits is dropped
    AppendQueue(const AppendQueue&) = delete;
    AppendQueue& operator=(const AppendQueue&) = delete;

    void add(replicate::Arrival arrival);

private:
    void run();

    log::StreamLog& log_;
    const Done done_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<replicate::Arrival> waiting_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace fairstream::mqtt_bridge::storage_operator
