#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "base/net/loop_scope.hpp"
#include "base/result.hpp"

namespace fairstream::network {

/// Something with an end: a certificate in use.
struct Expiring {
    std::string what;  // "certificate of node1.org1", "CA of org1"
    base::TimePoint until;
};

/// What there is to say of it now; empty while the end is more than 30 days away.
std::string expiry_warning(const Expiring& expiring, base::TimePoint now);

/// The certificate that `pem` begins with, as something with an end. Error: bad_certificate.
Result<Expiring> expiring_certificate(std::string_view pem);

/// Looks every hour, and at once: a gauge `fairstream_certificate_remaining_seconds{what}`, and a line in the log, once
/// a day, in the last 30 days. Loop thread.
class ExpiryWatch {
public:
    ExpiryWatch(base::net::Loop& loop, base::Metrics& metrics, std::function<std::vector<Expiring>()> in_use);
    ~ExpiryWatch() { scope_.close(); }

private:
    void look();

    base::net::LoopScope scope_;
    base::Metrics& metrics_;
    std::function<std::vector<Expiring>()> in_use_;
    base::TimePoint warned_{};
};

}  // namespace fairstream::network
