#include "ledger/sync/private_fetcher.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::sync {

using namespace std::chrono_literals;

namespace {
constexpr int kMaxKeys = 64;
constexpr auto kAskTimeout = 5'000ms;
constexpr auto kFirstPause = 50ms;
constexpr auto kLongestPause = 5'000ms;
}  // namespace

Result<proto::PrivateReply> serve_private(const state::PrivateStore& store, const proto::PrivateRequest& request) {
    if (request.keys_size() > kMaxKeys) return fail("malformed", "at most 64 keys in one request");
    proto::PrivateReply reply;
    for (const auto& key : request.keys()) {
        FS_ASSIGN(auto entry, store.get(key));
        if (entry) *reply.add_entries() = std::move(*entry);
    }
    return reply;
}

PrivateFetcher::PrivateFetcher(base::net::Loop& loop, Peers& peers, state::PrivateStore& store, base::Pool& writer)
    : scope_(loop), peers_(peers), store_(store), writer_(writer) {}

void PrivateFetcher::fetch() {
    if (running_ || peers_.all().empty()) return;
    running_ = true;
    pause_ = kFirstPause;
    look();
}

void PrivateFetcher::look() {
    const bool posted = writer_.post([this] {
        auto missing = store_.missing(kMaxKeys);
        if (!missing) base::log_error("private store: {}", missing.error().message);
        scope_.post([this, found = missing ? std::move(*missing) : std::vector<proto::PrivateWrite>{}]() mutable {
            ask(std::move(found));
        });
    });
    if (!posted) later();
}

void PrivateFetcher::ask(std::vector<proto::PrivateWrite> missing) {
    if (missing.empty()) {
        running_ = false;
        return;
    }
    if (peers_.all().empty()) return later();  // the last one was removed
    proto::PrivateRequest request;
    for (const auto& write : missing) request.add_keys(write.key());
    const auto& peer = peers_.all()[turn_++ % peers_.all().size()];
    peers_.call(peer, proto::PeerMethod::kPrivate, proto::encode(request), kAskTimeout,
                [this, wanted = std::move(missing)](Result<Bytes> answer) { accept(wanted, answer); });
}

void PrivateFetcher::accept(const std::vector<proto::PrivateWrite>& missing, const Result<Bytes>& answer) {
    if (!answer) return later();
    auto reply = proto::decode<proto::PrivateReply>(*answer);
    if (!reply || reply->entries_size() == 0) return later();
    const bool posted = writer_.post([this, missing, entries = std::move(*reply)] {
        for (const auto& entry : entries.entries()) {
            const auto write = std::ranges::find(missing, entry.key(), &proto::PrivateWrite::key);
            if (write == missing.end()) continue;
            if (auto taken = store_.accept(*write, entry); !taken)
                base::log_warn("a private value from a peer was refused: {}", taken.error().message);
        }
        scope_.post([this] { later(); });
    });
    if (!posted) later();
}

void PrivateFetcher::later() {
    scope_.after(pause_, [this] { look(); });
    pause_ = std::min<std::chrono::milliseconds>(2 * pause_, kLongestPause);
}

}  // namespace fairstream::ledger::sync
