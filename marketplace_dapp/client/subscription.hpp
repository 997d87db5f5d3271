#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "marketplace_dapp/client/actor.hpp"
#include "marketplace_dapp/client/purchase_watch.hpp"
#include "marketplace_dapp/client/read_log.hpp"

namespace fairstream::marketplace_dapp::client {

struct Reading {
    std::uint64_t sequence = 0;
    std::uint64_t time_us = 0;  // of the frame: when the seller wrote it
    std::string_view text;
};

/// Where readings go. `end()` is how many bytes of it are safe once `flush` returns: what a restart goes on behind.
class ReadingSink {
public:
    virtual ~ReadingSink() = default;
    virtual Status write(const Reading& reading) = 0;
    virtual Status flush() = 0;
    virtual std::uint64_t end() const = 0;
    /// Cuts off what was written behind `end`: the process died before it could note it. Error: output_differs.
    virtual Status resume(std::uint64_t end) = 0;
};

struct SubscriptionStatus {
    std::uint64_t readings = 0;       // given to the sink in this run
    std::uint64_t next_sequence = 0;  // 0: none was read yet
    std::uint32_t key_epoch = 0;
    std::uint32_t batches_checked = 0;  // Merkle roots that were right
    std::string operator_name;
    std::string waiting_for;  // what holds up reading: "the key of key epoch 3"; empty: nothing
};

struct SubscribeRequest {
    std::filesystem::path state;  // how far each purchase is read; one folder per buyer
    ReadingSink* sink = nullptr;
    std::function<bool()> stop;  // asked often; true: come to an end
    /// Called once, beside the reading, a while before the time of `purchase` ends: makes a purchase that goes on
    /// there, and answers its id. Not set: the subscription ends with the time.
    std::function<Result<std::string>(const chaincode::schema::Purchase& purchase)> renew{};
    std::function<void(const SubscriptionStatus&)> on_status{};  // on the calling thread
    /// An operator that takes longer to answer, dead or frozen, is left for another; 100 ms at least.
    std::chrono::milliseconds operator_timeout{5'000};
};

struct Subscribed {
    chaincode::schema::Purchase purchase;  // as it stands at the end
    SubscriptionStatus status;
    bool over = false;                // all of the time that was paid for is read
    bool stopped = false;             // `stop` said so
    std::vector<std::string> faults;  // operators that refused, died or lied, and how
};

/// Reads a purchase of time as it is born: frames from the operators, keys from the custodians, each batch's Merkle
/// root against the ledger, receipts to operators and ledger. Goes on where an earlier run stopped, however that ended:
/// readings come in order, none is lost, and none comes twice into a sink that can resume. Blocking.
class Subscription {
public:
    Subscription(Connection& connection, const ledger::client::Identity& buyer, SubscribeRequest request);
    ~Subscription();

    struct Read {
        bool over = false;     // all of the time that was paid for is read
        bool stopped = false;  // `stop` said so
        std::string renewal;   // the purchase that goes on where this one ends; empty: none was made
    };
    /// Reads until the time of `purchase` is over or `stop`. `grant`: the purchase's, with its operators. A renewal may
    /// be read next; the former one's payment goes on meanwhile. Errors: bad_options, not_buyer, not_a_stream,
    /// grant_refused, operators_unreachable, bad_root (a recorded batch is not what was served), bad_frame (the
    /// seller's frame does not open), in_use, output_differs, those of `renew`, and of the parts.
    Result<Read> read(const chaincode::schema::Purchase& purchase, const chaincode::schema::GrantReply& grant);

    /// Waits up to `kSettleWithin` for the last batches and their payment, unless stopped. One for each purchase that
    /// was read.
    Result<std::vector<Subscribed>> finish();

    static constexpr std::chrono::seconds kSettleWithin{90};

private:
    struct Run;
    /// Where the sink goes on: behind what the last purchase that was read has put there.
    struct Place {
        std::uint64_t at = 0;
        bool taken_up = false;
    };

    Connection& connection_;
    const ledger::client::Identity buyer_;
    const SubscribeRequest request_;
    Place place_;
    std::vector<std::unique_ptr<Run>> runs_;
};

}  // namespace fairstream::marketplace_dapp::client
