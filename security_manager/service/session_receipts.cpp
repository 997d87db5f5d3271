// SessionService: what purchases were served and receipted, towards HTTP, the gates and the range service.

#include <algorithm>

#include "security_manager/service/session_service.hpp"

namespace fairstream::security_manager::service {

namespace wire = gate::wire;
using base::net::HttpRequest;

namespace {

constexpr std::size_t kMaxReceiptBody = 32u << 10;
/// A purchase is accounted for so long after its last session here.
constexpr std::chrono::hours kKeepAccounts{24};

std::map<std::string, std::string> json_headers() {
    return {{"content-type", "application/json"}, {"cache-control", "no-store"}};
}

}  // namespace

Result<std::uint64_t> SessionService::reach(const Session& session, std::uint64_t first, std::uint64_t last) {
    const std::uint64_t end = deliveries_.book().reach(session.meter(), session.receipt_window, first, last);
    if (end >= first) return end;
    const auto* account = deliveries_.book().account(session.meter());
    return fail("receipt_wanted", "frame " + std::to_string(first) +
                                      " is held back: " + std::to_string(account == nullptr ? 0 : account->ahead()) +
                                      " frames were served that no receipt covers, " +
                                      std::to_string(session.receipt_window) + " may be; post one to /v1/sessions/" +
                                      gate::to_text(session.id) + "/receipts");
}

void SessionService::meter(const SessionId& id, std::uint64_t first, std::uint64_t last) {
    const Session* session = book_.find(id, config_.now());
    if (session == nullptr || first > last || !session->covers(first) || !session->covers(last)) return;
    deliveries_.book().serve(session->meter(), first, last, session->expires + kKeepAccounts);
    if (link_) link_->send(wire::Served{session->meter(), {{first, last}}});
}

const gate::Meter* SessionService::usage(const std::string& purchase_or_grant) const {
    const auto* account = deliveries_.book().account(purchase_or_grant);
    return account == nullptr ? nullptr : &account->served();
}

/// The receipt is the proof: who holds the purchase's key signed it. So any session of the purchase will do.
void SessionService::receipts(const HttpRequest& request, const SessionId& id, const Respond& respond) {
    const TimePoint now = config_.now();
    const ReceiptTerms* terms = book_.terms(id, now);
    if (terms == nullptr) return respond(problem_for({"unknown_session", "no such session that reads: open another"}));
    if (request.method == "GET") return respond({200, json_headers(), deliveries_.standing(*terms)});
    if (request.method != "POST") return respond(problem_for({"wrong_verb", "receipts are posted, and read by GET"}));
    if (request.body.size() > kMaxReceiptBody)
        return respond(problem_for({"too_large", "a request has at most 32 KiB"}));
    const TimePoint keep_until = book_.find(id, now)->expires + kKeepAccounts;
    if (const Status taken = deliveries_.take(*terms, request.body, keep_until, now); !taken)
        return respond(problem_for(taken.error()));
    if (const auto* account = deliveries_.book().account(terms->purchase); account != nullptr && link_)
        link_->send(wire::Covered{terms->purchase, account->covered().ranges()});
    respond({200, json_headers(), deliveries_.standing(*terms)});
}

/// What a gate is told of a session: first how the purchase stands, so that it never serves more than it may.
std::vector<wire::Message> SessionService::announcement(const Session& session) const {
    std::vector<wire::Message> out;
    const auto* account = session.reads() ? deliveries_.book().account(session.meter()) : nullptr;
    if (account != nullptr) {
        const auto served = account->served().ranges();
        for (std::size_t at = 0; at < served.size(); at += wire::kMaxRanges) {
            const auto begin = served.begin() + static_cast<std::ptrdiff_t>(at);
            const auto count = static_cast<std::ptrdiff_t>(std::min(wire::kMaxRanges, served.size() - at));
            out.push_back(wire::Served{session.meter(), {begin, begin + count}});
        }
        out.push_back(wire::Covered{session.meter(), account->covered().ranges()});
    }
    out.push_back(wire::Announce{session});
    return out;
}

void SessionService::announce(const Session& session) {
    if (!link_) return;
    for (const auto& message : announcement(session)) link_->send(message);
}

void SessionService::held_back(const wire::HeldBack& message) {
    const Session* session = book_.find(message.session, config_.now());
    if (session == nullptr || !notify_) return;
    const bool over = message.why == wire::HeldBack::Why::kWindowOver;
    notify_(*session,
            {over ? SessionNotice::What::kWindowOver : SessionNotice::What::kReceiptWanted, message.sequence});
}

}  // namespace fairstream::security_manager::service
