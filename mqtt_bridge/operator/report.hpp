#pragma once

#include <mutex>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "identity/crypto/keys.hpp"
#include "mqtt_bridge/log/stream_log.hpp"

namespace fairstream::mqtt_bridge::storage_operator {

inline constexpr char kReportType[] = "fairstream-report+jwt";

/// What an operator says in public of what it stores: a JWT under its own key, so that whoever passes it on cannot
/// change it. Claims: iss (its did:key), iat, network, operator, streams: [{"stream": hex, "through", "head": hex}] by
/// stream, and `next`, the stream to go on after, if there are more. Thread-safe.
class Reporter {
public:
    static constexpr std::size_t kStreamsOfPage = 64;  // fits into a JWT
    static constexpr std::chrono::seconds kFresh{1};   // the same page is not signed again within

    /// `log` must outlive it.
    Reporter(const log::StreamLog& log, std::string name, std::string network, identity::crypto::SigningKey key);

    /// `after`: a stream's hash in hex, or empty. Error: bad_request.
    Result<std::string> page(const std::string& after, TimePoint now);

private:
    std::string make(const std::string& after, TimePoint now) const;

    const log::StreamLog& log_;
    const std::string name_, network_;
    const identity::crypto::SigningKey key_;
    std::mutex mutex_;  // guards the newest page
    std::string after_, made_;
    TimePoint made_at_{};
};

}  // namespace fairstream::mqtt_bridge::storage_operator
