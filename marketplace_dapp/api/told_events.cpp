#include "marketplace_dapp/api/told_events.hpp"

#include <algorithm>

#include "marketplace_dapp/api/rows.hpp"

namespace fairstream::marketplace_dapp::api {

using events::EventPlace;

namespace {

constexpr std::string_view kTypePrefix = "fairstream.";
constexpr std::size_t kMaxTypeBytes = 140;
constexpr std::size_t kMaxSubjectBytes = 300;

std::uint64_t unsigned_of(const Field& field) {
    return static_cast<std::uint64_t>(integer(field));
}

}  // namespace

Result<EventFilter> EventFilter::read(Parameters& parameters) {
    EventFilter filter;
    FS_ASSIGN(filter.subject, parameters.text("subject", kMaxSubjectBytes));
    FS_ASSIGN(const auto type, parameters.text("type", kMaxTypeBytes));
    if (!type) return filter;
    if (!type->starts_with(kTypePrefix) || type->size() == kTypePrefix.size())
        return fail("bad_request", "type: like fairstream.marketplace or fairstream.marketplace.PurchaseMade");
    const auto rest = type->substr(kTypePrefix.size());
    const auto dot = rest.find('.');
    filter.contract = rest.substr(0, dot);
    if (dot != std::string::npos) filter.name = rest.substr(dot + 1);
    return filter;
}

Result<ToldPage> told_after(events::DatabasePool& database, const std::string& network, const EventFilter& filter,
                            const EventPlace& after, std::int64_t limit) {
    FS_ASSIGN(const auto known, database.query("SELECT height FROM market.checkpoint"));
    const auto height = known.empty() ? 0 : unsigned_of(known.front()[0]);
    ToldPage page{.events = {}, .ids = {}, .through = std::max(after, EventPlace::end_of(height)), .full = false};
    if (after >= EventPlace::end_of(height)) return page;
    SqlBuilder builder;
    builder.require("(t.block, t.position, t.number) > (" + builder.value(std::to_string(after.block), "int8") + ", " +
                    builder.value(std::to_string(after.position), "int8") + ", " +
                    builder.value(std::to_string(after.number), "int8") + ")");
    builder.require("t.block <= " + builder.value(std::to_string(height), "int8"));
    builder.require_equal("t.contract", filter.contract);
    builder.require_equal("t.name", filter.name);
    if (filter.subject) builder.require("t.subject <> ''");  // as the index has it
    builder.require_equal("t.subject", filter.subject);
    FS_ASSIGN(const auto rows,
              database.query("SELECT t.block, t.position, t.number, t.time_us, t.contract, t.name, t.subject, "
                             "t.payload FROM market.told t" +
                                 builder.where + " ORDER BY t.block, t.position, t.number LIMIT " +
                                 builder.value(std::to_string(limit), "int8"),
                             builder.parameters));
    for (const auto& row : rows) {
        const EventPlace place{.block = unsigned_of(row[0]),
                               .position = static_cast<std::uint32_t>(integer(row[1])),
                               .number = static_cast<std::uint32_t>(integer(row[2]))};
        page.events.push_back(events::cloud_event(network, place,
                                                  std::string(kTypePrefix) + text(row[4]) + "." + text(row[5]),
                                                  text(row[6]), unsigned_of(row[3]), document(row[7])));
        page.ids.push_back(place.text());
        page.full = page.events.size() == static_cast<std::size_t>(limit);
        if (page.full) page.through = place;
    }
    return page;
}

}  // namespace fairstream::marketplace_dapp::api
