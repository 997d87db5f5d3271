#include "network/expiry.hpp"

#include <fmt/format.h>

#include "base/log.hpp"
#include "identity/msp/certificate.hpp"

namespace fairstream::network {

using namespace std::chrono_literals;

namespace {

constexpr auto kWarnBefore = 30 * 24h;
constexpr auto kLookEvery = 1h;
constexpr auto kWarnEvery = 24h;

}  // namespace

std::string expiry_warning(const Expiring& expiring, base::TimePoint now) {
    const auto left = expiring.until - now;
    const auto when = base::to_rfc3339(expiring.until);
    if (left <= 0us) return fmt::format("the {} has ended at {}: others refuse it", expiring.what, when);
    if (left > kWarnBefore) return {};
    const auto days = std::chrono::duration_cast<std::chrono::hours>(left).count() / 24;
    return fmt::format("the {} ends in {} days, at {}: renew it", expiring.what, days, when);
}

Result<Expiring> expiring_certificate(std::string_view pem) {
    FS_ASSIGN(const auto certificate, identity::msp::MemberCertificate::from_pem(pem));
    return Expiring{"certificate of " + certificate.name, certificate.not_after};
}

ExpiryWatch::ExpiryWatch(base::net::Loop& loop, base::Metrics& metrics, std::function<std::vector<Expiring>()> in_use)
    : scope_(loop), metrics_(metrics), in_use_(std::move(in_use)) {
    scope_.post([this] { look(); });
}

void ExpiryWatch::look() {
    const auto now = base::wall_now();
    const bool speak = now - warned_ >= kWarnEvery;
    for (const auto& one : in_use_()) {
        const auto left = std::chrono::duration<double>(one.until - now).count();
        metrics_.gauge("fairstream_certificate_remaining_seconds", left, {{"what", one.what}});
        const auto warning = expiry_warning(one, now);
        if (warning.empty() || !speak) continue;
        base::log_warn("{}", warning);
        warned_ = now;
    }
    scope_.after(kLookEvery, [this] { look(); });
}

}  // namespace fairstream::network
