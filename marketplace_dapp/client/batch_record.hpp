#pragma once

#include <string>

#include "chaincode/schema/marketplace.pb.h"
#include "marketplace_dapp/client/actor.hpp"
#include "mqtt_bridge/client/writer.hpp"

/// What files and live streams have in common on the seller's side: the upload token before, the record of each batch
/// after.
namespace fairstream::marketplace_dapp::client {

struct UploadToken {
    std::string grant;
    std::string stream_id;
    std::uint32_t key_epoch = 0;
    std::uint64_t first_sequence = 0;
    Bytes previous_manifest;          // empty: this is the stream's first batch
    std::uint64_t not_before_us = 0;  // where the time of the batch before ended; 0: it has none
};
/// Asks for the token of an offer of this mode. Errors: wrong_mode, not_seller, ...
Result<UploadToken> request_upload_token(Connection& connection, const ledger::client::Identity& seller,
                                         const std::string& offer, std::string_view mode);

struct BatchPlace {
    std::string offer;
    std::string grant;
    std::string name;  // of the file, for the buyer; may be empty
};
/// Hands in the storage receipts and records the batch. The same again answers the same.
Result<chaincode::schema::Batch> record_batch(Connection& connection, const ledger::client::Identity& seller,
                                              const BatchPlace& place, const mqtt_bridge::client::StoredBatch& stored);

}  // namespace fairstream::marketplace_dapp::client
