#pragma once

#include <deque>

#include "mqtt_bridge/client/spool.hpp"

namespace fairstream::mqtt_bridge::client {

/// All that one writer has on its disk: a folder per batch, `batch-FIRST-KEYEPOCH`, each a Spool that goes on where the
/// one before ends. The newest batch may be open; closed ones stay until their receipts are with the ledger.
class SpoolChain {
public:
    struct Start {
        Hash identity{};  // network, grant, stream, where the session begins: another's chain is refused
        std::uint64_t first_sequence = 1;
        Hash previous{};  // manifest head before it
        std::uint32_t key_epoch = 1;
        bool keep = false;  // as in Spool::open, for open batches
    };
    struct Batch {
        std::uint32_t key_epoch = 0;
        std::filesystem::path folder;
        Spool spool;
    };

    /// Goes on where the folder ends, or begins there. Errors: those of Spool::open.
    static Result<SpoolChain> open(const std::filesystem::path& folder, const Start& start);

    /// A further batch. Precondition: the newest is closed. Errors: those of Spool::open.
    Status begin(std::uint32_t key_epoch);
    /// The batch that ends at `last` is with the ledger, and so are those before it: their folders go, but never the
    /// newest, at whose end a further one begins. Errors: unknown_batch, io_error.
    Status forget(std::uint64_t last);

    Batch& newest() { return batches_.back(); }
    const Batch& newest() const { return batches_.back(); }
    const std::deque<Batch>& batches() const { return batches_; }  // never empty

    /// A quorum holds everything up to here.
    void stored(std::uint64_t through);
    std::uint64_t stored_through() const;
    std::size_t waiting_bytes() const;
    std::uint64_t last_time_us() const;

    struct Place {
        const Spool* spool = nullptr;
        const Spool::Entry* entry = nullptr;
        explicit operator bool() const { return entry != nullptr; }
    };
    /// The bundle that ends at, or begins at, this number.
    Place ending_at(std::uint64_t sequence) const;
    Place beginning_at(std::uint64_t sequence) const;

private:
    Status load(const std::filesystem::path& folder, const Start& start);
    Status add(std::uint64_t first, std::uint32_t key_epoch, const Hash& previous);

    std::filesystem::path folder_;
    Hash identity_{};
    bool keep_ = false;
    std::deque<Batch> batches_;
};

}  // namespace fairstream::mqtt_bridge::client
