#pragma once

#include <optional>
#include <string>
#include <vector>

#include "marketplace_dapp/api/parameters.hpp"
#include "marketplace_dapp/events/chain_events.hpp"
#include "marketplace_dapp/events/database.hpp"

/// The chain's events out of the read model, in their order.
namespace fairstream::marketplace_dapp::api {

struct EventFilter {
    std::optional<std::string> contract, name, subject;

    auto operator<=>(const EventFilter&) const = default;
    /// Reads `type` ("fairstream.<contract>", with or without ".<event>") and `subject`. Error: bad_request.
    static Result<EventFilter> read(Parameters& parameters);
};

struct ToldPage {
    std::vector<boost::json::object> events;  // CloudEvents
    std::vector<std::string> ids;
    events::EventPlace through;  // go on after this
    bool full = false;           // there may be more at once
};

/// At most `limit` events after `after` up to the read model's height.
Result<ToldPage> told_after(events::DatabasePool& database, const std::string& network, const EventFilter& filter,
                            const events::EventPlace& after, std::int64_t limit);

}  // namespace fairstream::marketplace_dapp::api
