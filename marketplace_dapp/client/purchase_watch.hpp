#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "chaincode/schema/marketplace.pb.h"
#include "identity/crypto/custody.hpp"
#include "marketplace_dapp/client/actor.hpp"

namespace fairstream::marketplace_dapp::client {

/// What the ledger says of one purchase of time while it is read: the keys of its key epochs as custodians release
/// them, the batches that close them, and its payment. Asks on a thread of its own, so that reading never waits for the
/// ledger, but for a key. Thread-safe.
class PurchaseWatch {
public:
    PurchaseWatch(Connection& connection, const ledger::client::Identity& buyer, chaincode::schema::Purchase purchase);
    ~PurchaseWatch();  // waits for a call under way
    PurchaseWatch(const PurchaseWatch&) = delete;
    PurchaseWatch& operator=(const PurchaseWatch&) = delete;

    /// The key of a key epoch; waits up to `wait` for it. Nothing: not released yet. Error: wrong_key (what the
    /// custodians released does not open it), not_covered.
    Result<std::optional<identity::crypto::custody::StreamKey>> key(std::uint32_t key_epoch,
                                                                    std::chrono::milliseconds wait);
    /// The batch that closed this key epoch, once it is recorded.
    std::optional<chaincode::schema::Batch> batch(std::uint32_t key_epoch);
    /// Key epochs below this one are done with.
    void forget_before(std::uint32_t key_epoch);

    /// The newest receipt: handed in when a batch is recorded that was read.
    void set_receipt(chaincode::schema::DownloadDataStreamRequest receipt);

    struct Standing {
        bool ended = false;      // the time is over, and nothing more is written of any key epoch that it meets
        bool settled = false;    // or refunded: nothing is left in escrow
        bool handed_in = false;  // the time has ended, and the newest receipt is on the ledger since
        std::int64_t paid_micro = 0;
        std::uint32_t batches = 0;  // of this purchase's time, recorded
        std::string trouble;        // what the ledger answered last, if that was an error
    };
    Standing standing();
    /// Waits until the purchase is settled, or `wait` is over.
    bool wait_settled(std::chrono::milliseconds wait);

private:
    struct Epoch {
        chaincode::schema::KeyEpoch record;
        std::optional<identity::crypto::custody::StreamKey> key;
        std::optional<chaincode::schema::Batch> batch;
    };
    template <typename Reply, typename Request>
    Result<Reply> ask(const char* contract, const char* function, const Request& request);
    void run();
    Status look();
    Status look_for_epochs();
    Status fetch_key(std::uint32_t number);
    Status fetch_batch(std::uint32_t number, std::uint32_t batch);
    Status hand_in();

    Connection& connection_;
    const ledger::client::Identity buyer_;
    const chaincode::schema::Purchase purchase_;

    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::uint32_t, Epoch> epochs_;  // those that are not done with
    std::uint32_t first_ = 1;                // lower ones are done with
    std::map<std::uint32_t, Error> wrong_;   // keys that cannot be had
    std::uint32_t waiting_for_ = 0;          // someone waits for the key of this epoch
    std::optional<chaincode::schema::DownloadDataStreamRequest> receipt_;
    std::uint64_t receipts_ = 0, handed_in_ = 0;  // how many were set; the last that was handed in
    std::uint32_t batches_handed_in_ = 0;
    bool last_handed_in_ = false;  // since the time ended: only then can the ledger settle
    Standing standing_;
    bool wake_ = false;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace fairstream::marketplace_dapp::client
