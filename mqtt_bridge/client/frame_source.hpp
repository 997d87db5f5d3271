#pragma once

#include <memory>
#include <vector>

#include "mqtt_bridge/client/delivery_record.hpp"
#include "mqtt_bridge/client/operator_link.hpp"
#include "mqtt_bridge/client/reader.hpp"

namespace fairstream::mqtt_bridge::client {

/// A session at one operator from which frames are asked, over HTTPS or MQTT.
class FrameSource {
public:
    virtual ~FrameSource() = default;
    /// Consecutive frames from `from` on, at most `limit`, fewer if the answer would grow too large; none if the
    /// operator does not hold them. What they contain is not checked here. Errors: the operator's own, and of the
    /// transport.
    virtual Result<std::vector<Bytes>> fetch(std::uint64_t from, std::uint32_t limit) = 0;
    /// Says what was received, so that the operator serves on. Errors: the operator's own, and of the transport.
    virtual Status hand_in(const Receipted& receipted) = 0;
    /// The newest receipt of the purchase that the operator has; an empty one: none. Errors: as above.
    virtual Result<chaincode::schema::SignedDeliveryReceipt> held() = 0;
};

/// A buyer's connection to an operator, subscribed to `topics`. Errors: those of OperatorLink::open.
Result<std::unique_ptr<OperatorLink>> open_link(const ReaderOptions& options, const OperatorEndpoint& at,
                                                std::vector<std::string> topics);

/// Opens the session. Errors: those of open_session and of the transport.
Result<std::unique_ptr<FrameSource>> open_source(const ReaderOptions& options, const OperatorEndpoint& at);

}  // namespace fairstream::mqtt_bridge::client
