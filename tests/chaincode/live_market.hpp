#pragma once

#include "tests/chaincode/market.hpp"

namespace fairstream::chaincode::tests {

/// A market with a seller that streams live: one streaming session under one grant, whose key epochs it opens, closes
/// and rolls.
class LiveMarket : public Market {
public:
    static constexpr std::int64_t kPrice = 6 * kCredit;  // of a window
    static constexpr std::uint32_t kWindowSeconds = 60;

    LiveMarket();

    Who seller;
    schema::Offer offer;
    schema::RequestUploadTokenReply token;
    std::vector<std::string> drawn;

    Result<schema::Offer> create_stream_offer(std::int64_t price_micro, std::uint32_t window_s,
                                              const std::string& topic = "city/noise");
    /// Token and draw.
    void begin_session();

    Result<schema::KeyEpoch> open(const Who& by, const std::string& grant, std::uint32_t key_epoch);
    /// Deals and opens it.
    schema::KeyEpoch open(std::uint32_t key_epoch);
    /// The batch of an epoch that was opened by `open`, with the next `entries` numbers; stored, not yet recorded.
    Stored close(std::uint32_t key_epoch, std::size_t entries);
    /// The same, recorded.
    schema::Batch record_epoch(std::uint32_t key_epoch, std::size_t entries);

    schema::RequestDownloadTokenRequest time_order(const Who& buyer, std::uint32_t windows,
                                                   const std::string& request_id, const std::string& after = {}) const;
    Result<schema::Purchase> buy_time(const Who& buyer, std::uint32_t windows,
                                      const std::string& request_id = "request-0000000001",
                                      const std::string& after = {});
    /// Numbers of the key epochs that the purchase meets.
    std::vector<std::uint32_t> key_epochs(const std::string& purchase, std::uint32_t after = 0,
                                          std::uint32_t limit = 0);
    Result<schema::ListWindowsReply> windows(std::uint32_t key_epoch, const std::string& after = {},
                                             std::uint32_t limit = 0);

private:
    std::map<std::uint32_t, identity::crypto::custody::StreamKey> keys_;
    std::uint64_t next_sequence_ = 1;
};

}  // namespace fairstream::chaincode::tests
