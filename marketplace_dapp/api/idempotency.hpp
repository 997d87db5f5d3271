#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "marketplace_dapp/events/database.hpp"

namespace fairstream::marketplace_dapp::api {

/// Which transaction an Idempotency-Key came with first, for a day: in PostgreSQL beside the read model, so that a
/// restart forgets none. Keys of one creator do not meet another's.
class IdempotencyKeys {
public:
    static constexpr std::chrono::hours kLife{24};
    static constexpr std::size_t kMaxKeys = 100'000;  // beyond it the oldest go early

    explicit IdempotencyKeys(std::string connection) : database_(std::move(connection)) {}

    /// Errors: bad_idempotency_key (1 to 255 printable characters), idempotency_key_reused (it came with another
    /// transaction), and the database's: then nothing may be sent.
    Status hold(const std::string& creator, const std::string& key, const std::string& transaction,
                std::uint64_t now_us);

private:
    void sweep(std::uint64_t now_us);

    events::DatabasePool database_;
    std::atomic<std::uint64_t> swept_us_ = 0;
};

}  // namespace fairstream::marketplace_dapp::api
