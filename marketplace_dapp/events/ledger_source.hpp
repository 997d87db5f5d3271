#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>

#include "ledger/client/client.hpp"
#include "marketplace_dapp/events/chain_source.hpp"

namespace fairstream::marketplace_dapp::events {

/// Follows the ledger at a gateway: the sealed events tell how far it has come and which transactions are valid; the
/// blocks are fetched. What arrives while the reader is busy is kept up to a bound; beyond it the subscription is given
/// up and made again later, so that neither this process nor the gateway piles up.
class LedgerSource final : public ChainSource {
public:
    /// `client` must outlive this, and its gateways be nodes that the owner trusts: its own organisation's.
    explicit LedgerSource(ledger::client::Client& client) : client_(client) {}
    ~LedgerSource() override;

    void follow(std::uint64_t height) override;
    Result<std::optional<SealedBlock>> next(std::chrono::milliseconds wait) override;
    std::uint64_t sealed_height() const override;
    void stop() override;

private:
    void subscribe(std::uint64_t after);
    void unsubscribe();
    void received(const ledger::proto::EventBatch& batch);
    Result<SealedBlock> fetch(std::uint64_t height, const std::set<std::uint32_t>& valid);
    Result<TransactionFate> fate(std::uint64_t height, std::uint32_t index, const std::string& transaction);

    ledger::client::Client& client_;
    std::uint64_t next_ = 1;
    std::optional<std::uint64_t> subscription_;

    mutable std::mutex mutex_;  // guards what follows
    std::condition_variable arrived_;
    std::map<std::uint64_t, std::set<std::uint32_t>> valid_;  // height -> transactions that told of something
    std::size_t kept_ = 0;                                    // entries of valid_, all heights together
    std::uint64_t through_ = 0;                               // all events up to this block have been kept
    std::uint64_t sealed_ = 0;
    bool overflowed_ = false;  // events after through_ were dropped
    bool stopped_ = false;
};

}  // namespace fairstream::marketplace_dapp::events
