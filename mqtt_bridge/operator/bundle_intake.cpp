#include "mqtt_bridge/operator/bundle_intake.hpp"

#include "base/encoding.hpp"
#include "base/log.hpp"

namespace fairstream::mqtt_bridge::storage_operator {

BundleIntake::BundleIntake(base::net::Loop& loop, base::Pool& pool, StreamDirectory& directory, base::Metrics& metrics,
                           std::string network, Outlets outlets)
    : scope_(loop),
      pool_(pool),
      directory_(directory),
      metrics_(metrics),
      network_(std::move(network)),
      outlets_(std::move(outlets)) {}

void BundleIntake::add(const StreamHash& stream, Incoming incoming) {
    metrics_.count("fairstream_operator_bundles_received_total", 1,
                   {{"from", incoming.peer.empty() ? "writer" : "operator"}});
    Inbox& inbox = inboxes_[stream];
    if (inbox.waiting.size() == kMaxWaiting || waiting_bytes_ + incoming.raw.size() > kMaxWaitingBytes)
        return refuse(stream, incoming, {"busy", "too many bundles wait; send it again later"});
    waiting_bytes_ += incoming.raw.size();
    inbox.waiting.push_back(std::move(incoming));
    next(stream);
}

void BundleIntake::next(const StreamHash& stream) {
    const auto found = inboxes_.find(stream);
    if (found == inboxes_.end() || found->second.busy) return;
    if (found->second.waiting.empty()) {
        inboxes_.erase(found);
        return;
    }
    found->second.busy = true;
    const Incoming& first = found->second.waiting.front();
    const auto age = first.retried ? StreamDirectory::kFresh : StreamDirectory::kUsual;
    directory_.resolve(stream, first.grant, age, [this, stream](const Result<StreamInfo>& info) {
        if (info && outlets_.place(stream, *info)) return check(stream, *info);
        const Error error = info ? Error{"not_my_stream", "this operator was not drawn for the stream"} : info.error();
        refuse(stream, inboxes_.at(stream).waiting.front(), error);
        done(stream);
    });
}

void BundleIntake::check(const StreamHash& stream, const StreamInfo& info) {
    const auto raw = std::make_shared<Bytes>(inboxes_.at(stream).waiting.front().raw);
    const bool posted = pool_.post([this, stream, info, raw] {
        auto record = std::make_shared<Result<client::CheckedBundle>>(
            client::check_bundle(std::move(*raw), network_, info.writer));
        if (*record && (**record).stream != stream)
            *record = fail("bad_bundle", "the bundle is of another stream than its topic");
        scope_.post([this, stream, info, record] { checked(stream, info, std::move(*record)); });
    });
    if (posted) return;
    refuse(stream, inboxes_.at(stream).waiting.front(), {"busy", "the pool is full"});
    done(stream);
}

void BundleIntake::checked(const StreamHash& stream, const StreamInfo& info, Result<client::CheckedBundle> record) {
    Inbox& inbox = inboxes_.at(stream);
    Incoming& first = inbox.waiting.front();
    if (record) {
        const bool closing = record->closing;
        replicate::Arrival arrival{std::make_shared<const log::Record>(std::move(*record)), first.peer, first.reply_to,
                                   closing};
        done(stream);
        return outlets_.arrived(std::move(arrival));
    }
    // The stream's writer may have changed its key since the ledger was asked.
    if (record.error().code == "bad_signature" && !first.retried &&
        base::wall_now() - info.asked >= StreamDirectory::kFresh) {
        first.retried = true;
        inbox.busy = false;
        return next(stream);
    }
    refuse(stream, first, record.error());
    const std::string peer = first.peer;
    done(stream);
    if (!peer.empty()) outlets_.bad(peer, stream);
}

void BundleIntake::done(const StreamHash& stream) {
    Inbox& inbox = inboxes_.at(stream);
    waiting_bytes_ -= inbox.waiting.front().raw.size();
    inbox.waiting.pop_front();
    inbox.busy = false;
    scope_.post([this, stream] { next(stream); });
}

void BundleIntake::refuse(const StreamHash& stream, const Incoming& incoming, const Error& error) {
    metrics_.count("fairstream_operator_bundles_refused_total", 1, {{"code", error.code}});
    base::log_debug("refused a bundle of {} from {}: {}: {}", base::to_hex(stream),
                    incoming.peer.empty() ? "its writer" : incoming.peer, error.code, error.message);
    if (!incoming.reply_to.empty()) outlets_.refuse(incoming.reply_to, stream, error);
}

}  // namespace fairstream::mqtt_bridge::storage_operator
