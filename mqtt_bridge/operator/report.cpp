#include "mqtt_bridge/operator/report.hpp"

#include <boost/json/array.hpp>
#include <map>

#include "base/encoding.hpp"
#include "identity/did/did_key.hpp"
#include "identity/jose/jwt.hpp"

namespace fairstream::mqtt_bridge::storage_operator {

Reporter::Reporter(const log::StreamLog& log, std::string name, std::string network, identity::crypto::SigningKey key)
    : log_(log), name_(std::move(name)), network_(std::move(network)), key_(std::move(key)) {}

Result<std::string> Reporter::page(const std::string& after, TimePoint now) {
    const auto stream = base::from_hex(after);
    if (!after.empty() && (!stream || stream->size() != log::StreamHash{}.size()))
        return fail("bad_request", "after: a stream's hash, 32 hex digits");
    const std::lock_guard lock(mutex_);
    if (made_.empty() || after != after_ || now < made_at_ || now - made_at_ >= kFresh) {
        made_ = make(after, now);
        after_ = after;
        made_at_ = now;
    }
    return made_;
}

std::string Reporter::make(const std::string& after, TimePoint now) const {
    std::map<std::string, log::Position> marks;
    for (const auto& [stream, position] : log_.marks()) marks.emplace(base::to_hex(stream), position);
    boost::json::array streams;
    auto at = after.empty() ? marks.begin() : marks.upper_bound(after);
    for (; at != marks.end() && streams.size() < kStreamsOfPage; ++at)
        streams.push_back(
            {{"stream", at->first}, {"through", at->second.through}, {"head", base::to_hex(at->second.head)}});
    boost::json::object claims{{"iss", identity::did::did_from_key(key_.public_key())},
                               {"iat", identity::jose::numeric_date(now)},
                               {"network", network_},
                               {"operator", name_}};
    if (at != marks.end()) claims["next"] = streams.back().at("stream");
    claims["streams"] = std::move(streams);
    return identity::jose::sign_jwt(key_, kReportType, claims);
}

}  // namespace fairstream::mqtt_bridge::storage_operator
