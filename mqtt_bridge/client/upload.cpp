#include "mqtt_bridge/client/upload.hpp"

#include <algorithm>
#include <thread>

#include "base/log.hpp"
#include "identity/did/did_key.hpp"
#include "mqtt_bridge/client/notice.hpp"
#include "security_manager/gate/topic.hpp"

namespace fairstream::mqtt_bridge::client {

namespace gate = security_manager::gate;
namespace schema = chaincode::schema;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kWindowBytes = 8u << 20;  // sent and not yet stored by a quorum
constexpr auto kResendAfter = 1500ms;
constexpr auto kConnectEvery = 250ms;
constexpr auto kConnectTimeout = 8s;
constexpr auto kRefusalsStand = 15s;  // an operator's node may be a few blocks behind the grant

}  // namespace

Upload::Upload(const WriterOptions& options, SpoolChain& spool)
    : options_(options),
      spool_(spool),
      stream_(identity::crypto::stream_hash(options.stream_id)),
      up_topic_(gate::up_topic(stream_)),
      receipts_topic_(gate::receipts_topic(stream_)),
      last_progress_(base::steady_now()),
      last_heard_(last_progress_),
      ends_complete_(last_progress_) {
    for (const OperatorEndpoint& one : options_.operators)
        if (auto key = identity::did::key_from_did(one.did)) keys_.emplace(one.name, std::move(*key));
}

Status Upload::pump(std::chrono::milliseconds wait) {
    if (link_) {
        for (const MqttMessage& message : link_->take(wait)) {
            FS_TRY(take(message));
            if (!link_) break;  // it refused: another is next
        }
    } else {
        FS_TRY(connect(wait));
    }
    if (link_ && link_->lost()) leave({"connection_lost", "the connection to its broker was lost"});
    if (link_) FS_TRY(send());
    return check_patience();
}

Status Upload::connect(std::chrono::milliseconds wait) {
    if (!opening_.valid()) {
        if (base::steady_now() < next_connect_) {
            std::this_thread::sleep_for(std::min<std::chrono::milliseconds>(wait, 50ms));
            return {};
        }
        const LinkOptions options{.to = options_.operators[current_],
                                  .network = options_.network,
                                  .grant = options_.grant,
                                  .holder = options_.holder,
                                  .trusted_roots = options_.trusted_roots,
                                  .timeout = kConnectTimeout};
        opening_ = std::async(std::launch::async,
                              [options, topic = receipts_topic_] { return OperatorLink::open(options, {topic}); });
    }
    if (opening_.wait_for(wait) != std::future_status::ready) return {};
    return opened(opening_.get());
}

Status Upload::opened(Result<std::unique_ptr<OperatorLink>> link) {
    if (!link) {
        const Error error = link.error();
        leave(error);
        return is_refusal(error) ? refuse(error) : Status();
    }
    link_ = std::move(*link);
    troubles_.erase(operator_name());
    sent_through_ = spool_.stored_through();
    ends_resent_ = {};
    last_heard_ = joined_ = base::steady_now();
    return {};
}

/// Fails once every operator has said no.
Status Upload::refuse(const Error& error) {
    const bool all = std::ranges::all_of(options_.operators, [&](const OperatorEndpoint& one) {
        const auto trouble = troubles_.find(one.name);
        return trouble != troubles_.end() && (is_refusal(trouble->second) || trouble->second.code == "conflict");
    });
    const bool final = is_final_refusal(error) || error.code == "conflict";
    if (!all || (!final && base::steady_now() - last_progress_ < kRefusalsStand)) return {};
    if (error.code == "conflict") return fail(error);
    return fail("grant_refused", error.code + ": " + error.message);
}

void Upload::leave(const Error& why) {
    base::log_info("operator {}: {}: {}", operator_name(), why.code, why.message);
    troubles_[operator_name()] = why;
    link_.reset();
    current_ = (current_ + 1) % options_.operators.size();
    next_connect_ = current_ == 0 ? base::steady_now() + kConnectEvery : Clock{};  // a pause after each full round
}

Status Upload::check_patience() {
    const Clock now = base::steady_now();
    const bool waiting = spool_.stored_through() + 1 < spool_.newest().spool.next_sequence();
    if (!waiting) last_progress_ = now;
    const auto ends = open_ends();
    if (ends.empty()) ends_complete_ = now;
    if (!waiting && ends.empty()) {
        last_heard_ = now;
        return {};
    }
    const Clock progress = std::min(last_progress_, ends_complete_);
    if (now - progress > options_.give_up) {
        std::string all;
        for (const auto& [name, error] : troubles_) all += " " + name + ": " + error.code + " (" + error.message + ");";
        return fail("operators_unreachable", "no quorum of operators stored the frames in time;" + all);
    }
    const bool silent = now - last_heard_ > options_.silence && now - last_progress_ > options_.silence;
    const bool stuck = now - std::max(ends_complete_, joined_) > 2 * options_.silence;
    if (link_ && (silent || stuck))
        leave({"silent", "no storage receipt for " + std::to_string(options_.silence.count()) + " ms"});
    return {};
}

Status Upload::send() {
    if (const Status kept = link_->keep_alive(); !kept) {
        leave(kept.error());
        return {};
    }
    const Clock now = base::steady_now();
    const std::uint64_t stored = spool_.stored_through();
    if (sent_through_ > stored && now - std::max(last_resent_, last_progress_) > kResendAfter) {
        sent_through_ = stored;  // lost somewhere: the same bytes once more
        last_resent_ = now;
    }
    sent_through_ = std::max(sent_through_, stored);
    std::size_t under_way = 0;
    for (auto place = spool_.beginning_at(stored + 1); place && place.entry->first <= sent_through_;
         place = spool_.beginning_at(place.entry->last + 1))
        under_way += place.entry->bytes;
    while (under_way < kWindowBytes) {
        const auto place = spool_.beginning_at(sent_through_ + 1);
        if (!place) break;
        FS_ASSIGN(const bool sent, send(place));
        if (!sent) return {};
        sent_through_ = place.entry->last;
        under_way += place.entry->bytes;
    }
    return resend_ends();
}

Result<bool> Upload::send(const SpoolChain::Place& place) {
    FS_ASSIGN(const Bytes raw, place.spool->bundle(*place.entry));
    const Status published = link_->publish(up_topic_, raw);
    if (!published && published.error().code != "busy") leave(published.error());
    return published.has_value();
}

std::vector<std::uint64_t> Upload::open_ends() const {
    std::vector<std::uint64_t> out;
    for (const auto& batch : spool_.batches())
        if (batch.spool.closed() && !complete(batch.spool.next_sequence() - 1))
            out.push_back(batch.spool.next_sequence() - 1);
    return out;
}

/// An operator that is sent the end of a batch once more signs for it once more.
Status Upload::resend_ends() {
    const Clock now = base::steady_now();
    if (now - ends_resent_ < kResendAfter) return {};
    for (const std::uint64_t last : open_ends()) {
        const auto place = spool_.ending_at(last);
        if (last > spool_.stored_through()) break;  // under way, or waiting its turn
        FS_ASSIGN(const bool sent, send(place));
        if (!sent) return {};
        ends_resent_ = now;
    }
    return {};
}

Status Upload::take(const MqttMessage& message) {
    if (message.topic == receipts_topic_) {
        take_receipt(message.payload);
        return {};
    }
    return take_notice(as_text(message.payload));
}

void Upload::take_receipt(ByteView payload) {
    schema::StorageReceipt receipt;
    if (!receipt.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) return;
    const auto key = keys_.find(receipt.operator_());
    if (key == keys_.end()) return;
    const auto mark = verify_receipt(receipt, options_.network, key->second);
    if (!mark || mark->stream != stream_) return;
    const std::string name = receipt.operator_();
    if (name == operator_name()) last_heard_ = base::steady_now();
    const auto place = spool_.ending_at(mark->position.through);
    if (!place) return;  // of an earlier batch
    if (place.entry->head != mark->position.head) {
        base::log_warn("operator {} signed for another manifest at frame {}", name, place.entry->last);
        return;
    }
    std::uint64_t& through = marks_[name];
    through = std::max(through, mark->position.through);
    if (place.entry->closing) {
        const bool was_complete = complete(place.entry->last);
        ends_[place.entry->last][name] = std::move(receipt);
        if (!was_complete && complete(place.entry->last)) ends_complete_ = base::steady_now();
    }
    count_quorum();
}

void Upload::count_quorum() {
    std::vector<std::uint64_t> held;
    for (const auto& [name, through] : marks_) held.push_back(through);
    if (held.size() < options_.quorum) return;
    std::ranges::sort(held, std::greater<>());
    const std::uint64_t before = spool_.stored_through();
    spool_.stored(held[options_.quorum - 1]);
    if (spool_.stored_through() > before) last_progress_ = base::steady_now();
}

Status Upload::take_notice(std::string_view payload) {
    const auto notice = Notice::decode(payload);
    if (!notice || notice->stream != stream_) return {};
    if (notice->type == Notice::Type::kRefused) {
        if (notice->error.code == "busy") return {};
        leave(notice->error);
        return refuse(notice->error);
    }
    if (notice->type != Notice::Type::kExpected) return {};
    const auto last = spool_.ending_at(notice->position.through);
    if (last && last.entry->head != notice->position.head) {
        const Error error{"conflict", "the operator holds other frames up to " + std::to_string(last.entry->last)};
        leave(error);
        return refuse(error);
    }
    const Clock now = base::steady_now();
    const auto next = spool_.beginning_at(notice->position.through + 1);
    if (!next || next.entry->bytes == 0 || next.entry->first > sent_through_ || now - last_resent_ < 200ms) return {};
    last_resent_ = now;
    sent_through_ = notice->position.through;
    return {};
}

std::vector<schema::StorageReceipt> Upload::end_receipts(std::uint64_t last) const {
    std::vector<schema::StorageReceipt> out;
    const auto found = ends_.find(last);
    if (found == ends_.end()) return out;
    for (const auto& [name, receipt] : found->second) out.push_back(receipt);
    return out;
}

}  // namespace fairstream::mqtt_bridge::client
