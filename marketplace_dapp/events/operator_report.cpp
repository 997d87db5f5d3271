#include "marketplace_dapp/events/operator_report.hpp"

#include <boost/json/array.hpp>

#include "base/encoding.hpp"
#include "identity/did/did_key.hpp"
#include "identity/jose/jwt.hpp"

namespace fairstream::marketplace_dapp::events {

namespace json = boost::json;
namespace jose = identity::jose;

namespace {

constexpr char kReportType[] = "fairstream-report+jwt";
constexpr std::size_t kMaxMarks = 256;
constexpr std::size_t kStreamBytes = 16, kHeadBytes = 32;
constexpr std::chrono::seconds kFresh{60};

bool is_hex_of(const json::value* value, std::size_t bytes) {
    if (value == nullptr || !value->is_string()) return false;
    const auto decoded = base::from_hex(std::string(value->get_string()));
    return decoded && decoded->size() == bytes;
}

Result<OperatorReport::Mark> read_mark(const json::value& value) {
    const auto* object = value.if_object();
    const auto* stream = object == nullptr ? nullptr : object->if_contains("stream");
    const auto* head = object == nullptr ? nullptr : object->if_contains("head");
    const auto* through = object == nullptr ? nullptr : object->if_contains("through");
    if (!is_hex_of(stream, kStreamBytes) || !is_hex_of(head, kHeadBytes) || through == nullptr ||
        !through->is_int64() || through->get_int64() < 0)
        return fail("bad_report", "a mark is {stream: 16 bytes in hex, through: integer, head: 32 bytes in hex}");
    return OperatorReport::Mark{.stream = std::string(stream->get_string()),
                                .through = static_cast<std::uint64_t>(through->get_int64()),
                                .head = std::string(head->get_string())};
}

Status check_sender(const json::object& claims, const Reporting& expected, TimePoint now, OperatorReport& report) {
    FS_ASSIGN(const auto issuer, jose::string_claim(claims, "iss"));
    FS_ASSIGN(const auto name, jose::string_claim(claims, "operator"));
    FS_ASSIGN(const auto network, jose::string_claim(claims, "network"));
    FS_ASSIGN(const auto said_at, jose::time_claim(claims, "iat"));
    if (issuer != expected.did || name != expected.name)
        return fail("wrong_operator", "the report is of " + name.substr(0, 64) + ", not of " + expected.name);
    if (network != expected.network) return fail("wrong_network", "the report is of network " + network.substr(0, 64));
    if (said_at > now + kFresh || said_at < now - kFresh)
        return fail("stale", "the report is of " + base::to_rfc3339(said_at));
    report.said_at_us = base::to_us(said_at);
    return {};
}

}  // namespace

Result<OperatorReport> read_report(const std::string& jwt, const Reporting& expected, TimePoint now) {
    FS_ASSIGN(const auto key, identity::did::key_from_did(expected.did));
    FS_ASSIGN(const auto parsed, jose::verify_jwt(jwt, kReportType, key));
    OperatorReport report;
    FS_TRY(check_sender(parsed.claims, expected, now, report));
    const auto* streams = parsed.claims.if_contains("streams");
    if (streams == nullptr || !streams->is_array() || streams->get_array().size() > kMaxMarks)
        return fail("bad_report", "streams: an array of at most 256 marks");
    for (const auto& one : streams->get_array()) {
        FS_ASSIGN(auto mark, read_mark(one));
        report.marks.push_back(std::move(mark));
    }
    if (!parsed.claims.contains("next")) return report;
    FS_ASSIGN(report.next, jose::string_claim(parsed.claims, "next", 2 * kStreamBytes));
    if (report.marks.empty() || report.next != report.marks.back().stream)
        return fail("bad_report", "next: the last stream of the page");
    return report;
}

}  // namespace fairstream::marketplace_dapp::events
