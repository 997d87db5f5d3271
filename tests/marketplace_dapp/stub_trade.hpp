#pragma once

#include "chaincode/schema/custody.pb.h"
#include "tests/marketplace_dapp/stub_chain.hpp"

/// Steps of a trade as they lie in a block, besides those of stub_chain.hpp.
namespace fairstream::tests {

inline Done faucet(int amount, const std::string& account = "did:key:a") {
    return {.contract = "credits",
            .function = "Faucet",
            .response = {},
            .events = {transferred("", account, amount)},
            .arguments = {}};
}

struct Bought {
    std::string id;
    int offer = 1;
    std::string buyer = "did:key:buyer";
    std::string seller = "did:key:seller";
    std::uint32_t key_epoch = 1;
    bool by_time = false;
    std::uint64_t release_us = kBlockTimeUs, refund_us = kBlockTimeUs;
};

inline Done buy(const Bought& what) {
    schema::PurchaseReply reply;
    auto& purchase = *reply.mutable_purchase();
    purchase.set_id(what.id);
    purchase.set_buyer(what.buyer);
    purchase.set_stream_id("stream");
    purchase.mutable_agreement()->set_offer(offer_id(what.offer));
    purchase.mutable_agreement()->set_seller(what.seller);
    purchase.mutable_deadlines()->set_release_us(what.release_us);
    purchase.mutable_deadlines()->set_refund_us(what.refund_us);
    if (what.by_time)
        purchase.mutable_window()->set_count(1);
    else
        purchase.mutable_batch()->set_key_epoch(what.key_epoch);
    schema::PurchaseMade told;
    told.set_purchase(what.id);
    told.set_offer(offer_id(what.offer));
    told.set_buyer(what.buyer);
    return {.contract = "marketplace",
            .function = "RequestDownloadToken",
            .response = reply.SerializeAsString(),
            .events = {event("marketplace", "PurchaseMade", told),
                       transferred(what.buyer, "escrow/marketplace/" + what.id, 100)},
            .arguments = {}};
}

inline Done deal(std::uint32_t key_epoch, std::uint32_t threshold) {
    schema::DealingRecord record;
    record.set_stream_id("stream");
    record.set_key_epoch(key_epoch);
    record.set_threshold(threshold);
    return {.contract = "custody",
            .function = "Deal",
            .response = record.SerializeAsString(),
            .events = {},
            .arguments = {}};
}

inline Done release(const std::string& purchase, std::uint32_t index, std::uint32_t key_epoch = 1) {
    schema::ShareReleased told;
    told.set_purchase(purchase);
    told.set_index(index);
    told.set_key_epoch(key_epoch);
    return {.contract = "custody",
            .function = "Release",
            .response = {},
            .events = {event("custody", "ShareReleased", told)},
            .arguments = {}};
}

inline Done pay(const std::string& purchase, std::int64_t amount, std::uint64_t entries, bool settled) {
    schema::PurchasePaid told;
    told.set_purchase(purchase);
    told.set_paid_micro(amount);
    told.set_delivered_entries(entries);
    told.set_settled(settled);
    return {.contract = "security_manager",
            .function = "DownloadDataStream",
            .response = {},
            .events = {event("marketplace", "PurchasePaid", told),
                       transferred("escrow/marketplace/" + purchase, "did:key:seller", amount)},
            .arguments = {}};
}

inline Done refund(const std::string& purchase, std::int64_t amount) {
    schema::PurchaseRefunded told;
    told.set_purchase(purchase);
    told.set_amount_micro(amount);
    return {.contract = "marketplace",
            .function = "Refund",
            .response = {},
            .events = {event("marketplace", "PurchaseRefunded", told),
                       transferred("escrow/marketplace/" + purchase, "did:key:buyer", amount)},
            .arguments = {}};
}

inline Done score(const std::string& did, std::uint64_t epoch, std::uint32_t credibility, std::uint64_t confidence) {
    schema::TrustScored told;
    told.set_did(did);
    told.set_epoch(epoch);
    told.set_credibility(credibility);
    told.set_confidence(confidence);
    return {.contract = "trust",
            .function = "ComputeEpoch",
            .response = {},
            .events = {event("trust", "TrustScored", told)},
            .arguments = {}};
}

inline Done open_key_epoch(std::uint32_t number, std::uint64_t opened_at_us) {
    schema::OpenKeyEpochReply reply;
    reply.mutable_key_epoch()->set_stream_id("stream");
    reply.mutable_key_epoch()->set_number(number);
    reply.mutable_key_epoch()->set_opened_at_us(opened_at_us);
    schema::KeyEpochOpened told;
    told.set_offer(offer_id(1));
    told.set_stream_id("stream");
    told.set_key_epoch(number);
    return {.contract = "marketplace",
            .function = "OpenKeyEpoch",
            .response = reply.SerializeAsString(),
            .events = {event("marketplace", "KeyEpochOpened", told)},
            .arguments = {}};
}

inline Done record_batch(std::uint32_t number, std::uint32_t key_epoch, std::uint64_t recorded_at_us) {
    schema::OfferReply reply;
    reply.mutable_offer()->set_id(offer_id(1));
    reply.mutable_offer()->set_stream_id("stream");
    auto& batch = *reply.add_batches();
    batch.set_number(number);
    batch.set_key_epoch(key_epoch);
    batch.set_recorded_at_us(recorded_at_us);
    return {.contract = "marketplace",
            .function = "RecordStreamDetails",
            .response = reply.SerializeAsString(),
            .events = {},
            .arguments = {}};
}

/// An id as the ledger makes them.
inline std::string purchase_id(int number) {
    return fmt::format("{:032x}", 0xabc000 + number);
}

}  // namespace fairstream::tests
