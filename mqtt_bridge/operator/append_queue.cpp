#include "mqtt_bridge/operator/append_queue.hpp"

namespace fairstream::mqtt_bridge::storage_operator {

namespace {

constexpr std::size_t kBatchBytes = 16u << 20;

}  // namespace

AppendQueue::AppendQueue(log::StreamLog& log, Done done)
    : log_(log), done_(std::move(done)), thread_([this] { run(); }) {}

AppendQueue::~AppendQueue() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
}

void AppendQueue::add(replicate::Arrival arrival) {
    {
        const std::lock_guard lock(mutex_);
        waiting_.push_back(std::move(arrival));
    }
    wake_.notify_one();
}

void AppendQueue::run() {
    while (true) {
        std::vector<replicate::Stored> batch;
        std::vector<log::Record> records;
        {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
            if (stopping_) return;
            for (std::size_t bytes = 0; !waiting_.empty() && bytes < kBatchBytes; waiting_.pop_front()) {
                bytes += waiting_.front().bundle->raw.size();
                records.push_back(*waiting_.front().bundle);
                batch.push_back({std::move(waiting_.front()), log::Outcome::kAppended});
            }
        }
        auto outcomes = log_.append(records);
        if (!outcomes) {
            done_(fail(std::move(outcomes).error()));
            return;
        }
        for (std::size_t i = 0; i < batch.size(); ++i) batch[i].outcome = (*outcomes)[i];
        done_(std::move(batch));
    }
}

}  // namespace fairstream::mqtt_bridge::storage_operator
