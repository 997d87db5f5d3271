#include "benchmarks/ledger_load.hpp"

#include <mutex>
#include <thread>

#include "base/clock.hpp"
#include "benchmarks/ledger_contract.hpp"
#include "identity/crypto/hash.hpp"
#include "identity/did/did_key.hpp"

namespace fairstream::benchmarks {

using namespace std::chrono_literals;
using ledger::client::Client;

namespace {

constexpr auto kPauseAfterFailure = 20ms;

ledger::client::Identity new_actor() {
    ledger::client::Identity actor{identity::crypto::SigningKey::generate(), {}, {}};
    actor.did = identity::did::did_from_key(actor.key.public_key());
    return actor;
}

/// The preloaded keys in an order that jumps about among them, then new ones.
std::uint64_t place_of(std::uint64_t turn, std::uint64_t preloaded) {
    constexpr std::uint64_t kStride = 2'654'435'761;  // a prime: no factor of a count of keys
    return turn < preloaded ? turn * kStride % preloaded : turn;
}

}  // namespace

struct LedgerLoad::Impl {
    Shape shape;
    base::net::Loop loop;
    std::vector<std::unique_ptr<Client>> gateways;
    std::vector<std::thread> threads;
    std::atomic<bool> running{true};
    std::atomic<std::uint64_t> committed{0}, conflicts{0}, invalid{0}, failed{0};
    mutable std::mutex mutex;  // of what follows
    Latencies latencies;
    std::string failure;

    void run(std::uint32_t number);
    void count(const Result<ledger::client::Commit>& commit, std::chrono::microseconds took);
};

void LedgerLoad::Impl::run(std::uint32_t number) {
    auto& client = *gateways[number % gateways.size()];
    const auto actor = new_actor();
    for (std::uint64_t sent = 0; running; ++sent) {
        const auto value = identity::crypto::random_bytes(shape.value_bytes);
        const auto began = base::steady_now();
        const auto commit = client.submit(
            actor, {kContract,
                    shape.hot_account ? kPutHot : kPut,
                    put_arguments(key_of(place_of(number + sent * shape.clients, shape.preloaded)), value),
                    {}});
        count(commit, base::steady_now() - began);
    }
}

void LedgerLoad::Impl::count(const Result<ledger::client::Commit>& commit, std::chrono::microseconds took) {
    if (commit) {
        ++committed;
        const std::lock_guard lock(mutex);
        latencies.add(took);
        return;
    }
    const auto& code = commit.error().code;
    if (code == "read_conflict" || code == "range_conflict")
        ++conflicts;
    else if (commit.error().message.find("is invalid") != std::string::npos)
        ++invalid;
    else
        ++failed;
    {
        const std::lock_guard lock(mutex);
        failure = code + ": " + commit.error().message;
    }
    if (running) std::this_thread::sleep_for(kPauseAfterFailure);
}

LedgerLoad::LedgerLoad(const LedgerNetwork& network, Shape shape) : impl_(std::make_unique<Impl>()) {
    impl_->shape = shape;
    impl_->loop.start();
    for (std::size_t i = 0; i < network.size(); ++i)
        impl_->gateways.push_back(std::make_unique<Client>(impl_->loop, network.gateway(i)));
}

LedgerLoad::~LedgerLoad() {
    finish();
    impl_->gateways.clear();
}

void LedgerLoad::start() {
    for (std::uint32_t i = 0; i < impl_->shape.clients; ++i)
        impl_->threads.emplace_back([parts = impl_.get(), i] { parts->run(i); });
}

LedgerLoad::Counts LedgerLoad::counts() const {
    return {.committed = impl_->committed,
            .conflicts = impl_->conflicts,
            .invalid = impl_->invalid,
            .failed = impl_->failed};
}

void LedgerLoad::begin_measuring() {
    const std::lock_guard lock(impl_->mutex);
    impl_->latencies = {};
}

Latencies LedgerLoad::finish() {
    Latencies measured;
    {
        const std::lock_guard lock(impl_->mutex);
        measured = impl_->latencies;
    }
    impl_->running = false;
    for (auto& thread : impl_->threads) thread.join();
    impl_->threads.clear();
    return measured;
}

std::string LedgerLoad::failure() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->failure;
}

}  // namespace fairstream::benchmarks
