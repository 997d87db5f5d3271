#include "marketplace_dapp/events/event_engine.hpp"

#include "base/log.hpp"
#include "marketplace_dapp/events/projection.hpp"
#include "marketplace_dapp/events/read_model.hpp"

namespace fairstream::marketplace_dapp::events {

using namespace std::chrono_literals;

namespace {

constexpr auto kRetryAfter = 200ms;
constexpr auto kWaitForBlock = 1'000ms;
constexpr std::uint64_t kBlocksPerTransaction = 256;
constexpr std::size_t kTransactionsPerTransaction = 2'000;

}  // namespace

EventEngine::EventEngine(ChainSource& source, std::string connection, Options options, base::Metrics& metrics)
    : source_(source), database_(std::move(connection)), options_(std::move(options)), metrics_(metrics) {
    thread_ = std::thread([this] { run(); });
}

EventEngine::~EventEngine() {
    stop();
}

void EventEngine::stop() {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    source_.stop();
    thread_.join();
}

EventEngine::State EventEngine::state() const {
    auto state = [&] {
        const std::lock_guard lock(mutex_);
        return state_;
    }();
    state.sealed = std::max(source_.sealed_height(), state.height);
    return state;
}

void EventEngine::run() {
    while (!stopping_) {
        const auto ended = follow();
        if (ended || stopping_) return;
        pause(ended.error());
    }
}

Status EventEngine::follow() {
    FS_ASSIGN(const auto checkpoint, open_read_model(database_, options_.network, options_.rebuild));
    options_.rebuild = false;
    publish(checkpoint.height);
    told_.clear();
    base::log_info("the read model holds the chain up to block {}", checkpoint.height);
    source_.follow(checkpoint.height);
    Projector projector(checkpoint.block_hash);
    auto done = checkpoint.height;
    while (!stopping_) {
        FS_ASSIGN(auto block, source_.next(kWaitForBlock));
        if (!block) continue;
        const auto last = done + kBlocksPerTransaction;
        while (block) {  // what has come together is written together
            FS_TRY(projector.add(*block));
            if (block->height >= last || projector.transactions() >= kTransactionsPerTransaction) break;
            FS_ASSIGN(block, source_.next(0ms));
        }
        const auto projection = projector.take();
        FS_TRY(apply(database_, projection, done));
        done = projection.height;
        publish(done);
    }
    return {};
}

void EventEngine::publish(std::uint64_t height) {
    metrics_.gauge("fairstream_read_model_height", static_cast<double>(height));
    {
        const std::lock_guard lock(mutex_);
        if (height > state_.height) state_.halted.reset();  // merely to open the read model mends nothing
        state_.height = height;
        state_.started = true;
    }
    const std::lock_guard listening(listening_);
    if (listener_) listener_();
}

void EventEngine::on_progress(std::function<void()> listener) {
    const std::lock_guard lock(listening_);
    listener_ = std::move(listener);
}

void EventEngine::pause(const Error& why) {
    if (told_ != why.code) base::log_warn("the event engine waits: {} ({})", why.message, why.code);
    told_ = why.code;
    metrics_.count("fairstream_event_engine_failures_total", 1, {{"code", why.code}});
    std::unique_lock lock(mutex_);
    if (why.code == "broken_chain") state_.halted = why;
    wake_.wait_for(lock, kRetryAfter, [this] { return stopping_.load(); });
}

}  // namespace fairstream::marketplace_dapp::events
