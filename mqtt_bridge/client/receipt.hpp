#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "chaincode/schema/security_manager.pb.h"
#include "identity/crypto/keys.hpp"
#include "mqtt_bridge/log/stream_log.hpp"

/// Storage receipts: an operator's word, under one signature for many streams, that frames are durable with it
/// (chaincode/schema, StorageReceipt).
namespace fairstream::mqtt_bridge::client {

struct StreamMark {
    log::StreamHash stream{};
    log::Position position;

    bool operator==(const StreamMark&) const = default;
};

/// One receipt for each mark, in their order, all under one signature.
std::vector<chaincode::schema::StorageReceipt> sign_receipts(std::span<const StreamMark> marks,
                                                             std::string_view operator_name, std::string_view network,
                                                             const identity::crypto::SigningKey& key, TimePoint now);

/// What the receipt says, if the operator whose key it is signed it. Error: bad_receipt.
Result<StreamMark> verify_receipt(const chaincode::schema::StorageReceipt& receipt, std::string_view network,
                                  const identity::crypto::VerifyingKey& key);

}  // namespace fairstream::mqtt_bridge::client
