#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "base/result.hpp"

/// What contracts told of, as the REST interface shows it: CloudEvents 1.0 whose ids are places in the chain.
namespace fairstream::marketplace_dapp::events {

/// What an event says, and the one record that it is about: a purchase, an offer, a grant, a stream, a DID; or nothing.
/// Members are named as in events.proto; integers are numbers, bytes lower-case hex. Of an event that is not known
/// here, the payload is {"payload": base64}.
struct ToldEvent {
    std::string subject;
    boost::json::object payload;
};
ToldEvent read_event(const std::string& contract, const std::string& name, const std::string& payload);

/// The place of an event in the chain, as clients resume from it: "block.transaction.event".
struct EventPlace {
    std::uint64_t block = 0;
    std::uint32_t position = 0;
    std::uint32_t number = 0;

    auto operator<=>(const EventPlace&) const = default;
    std::string text() const;
    /// Error: bad_request.
    static Result<EventPlace> parse(const std::string& text);
    /// After everything in `block`.
    static EventPlace end_of(std::uint64_t block);
};

/// A CloudEvent in the JSON format. `type` is "fairstream.<contract>.<event>" for those of the chain.
boost::json::object cloud_event(const std::string& network, const EventPlace& place, const std::string& type,
                                const std::string& subject, std::uint64_t time_us, boost::json::value data);

}  // namespace fairstream::marketplace_dapp::events
