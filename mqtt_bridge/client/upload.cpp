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

Upload::Upload(const WriterOptions& options, Spool& spool)
    : options_(options),
      spool_(spool),
      stream_(identity::crypto::stream_hash(options.stream_id)),
      up_topic_(gate::up_topic(stream_)),
      receipts_topic_(gate::receipts_topic(stream_)),
      last_progress_(base::steady_now()),
      last_heard_(last_progress_) {
    for (const OperatorEndpoint& one : options_.operators)
        if (auto key = identity::did::key_from_did(one.did)) keys_.emplace(one.name, std::move(*key));
}

Status Upload::pump(std::chrono::milliseconds wait) {
    if (!link_) FS_TRY(connect());
    if (link_) {
        for (const MqttMessage& message : link_->take(wait)) {
            FS_TRY(take(message));
            if (!link_) break;  // it refused: another is next
        }
    } else if (wait > 0ms) {
        std::this_thread::sleep_for(std::min<std::chrono::milliseconds>(wait, 50ms));
    }
    if (link_ && link_->lost()) leave({"connection_lost", "the connection to its broker was lost"});
    if (link_) FS_TRY(send());
    return check_patience();
}

Status Upload::connect() {
    const Clock now = base::steady_now();
    if (now < next_connect_) return {};
    auto link = OperatorLink::open({.to = options_.operators[current_],
                                    .network = options_.network,
                                    .grant = options_.grant,
                                    .holder = options_.holder,
                                    .trusted_roots = options_.trusted_roots,
                                    .timeout = kConnectTimeout},
                                   {receipts_topic_});
    if (!link) {
        const Error error = link.error();
        leave(error);
        return is_refusal(error) ? refuse(error) : Status();
    }
    link_ = std::move(*link);
    troubles_.erase(operator_name());
    sent_ = spool_.first_unstored();
    if (sent_ == spool_.entries().size() && spool_.closed()) --sent_;  // to hear its receipts again
    last_heard_ = base::steady_now();
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
    const bool waiting = spool_.first_unstored() < spool_.entries().size() ||
                         (spool_.closed() && final_receipts().size() < options_.quorum);
    if (!waiting) {
        last_progress_ = last_heard_ = now;
        return {};
    }
    if (now - last_progress_ > options_.give_up) {
        std::string all;
        for (const auto& [name, error] : troubles_) all += " " + name + ": " + error.code + " (" + error.message + ");";
        return fail("operators_unreachable", "no quorum of operators stored the frames in time;" + all);
    }
    if (link_ && now - last_heard_ > options_.silence && now - last_progress_ > options_.silence)
        leave({"silent", "no storage receipt for " + std::to_string(options_.silence.count()) + " ms"});
    return {};
}

Status Upload::send() {
    if (const Status kept = link_->keep_alive(); !kept) {
        leave(kept.error());
        return {};
    }
    const Clock now = base::steady_now();
    const auto& entries = spool_.entries();
    if (sent_ > spool_.first_unstored() && now - std::max(last_resent_, last_progress_) > kResendAfter) {
        sent_ = spool_.first_unstored();  // lost somewhere: the same bytes once more
        last_resent_ = now;
    }
    if (sent_ == entries.size() && spool_.closed() && now - std::max(last_resent_, last_progress_) > kResendAfter &&
        final_receipts().size() < options_.quorum) {
        --sent_;
        last_resent_ = now;
    }
    std::size_t under_way = 0;
    for (std::size_t i = spool_.first_unstored(); i < sent_; ++i) under_way += entries[i].bytes;
    for (; sent_ < entries.size() && under_way < kWindowBytes; ++sent_) {
        if (entries[sent_].bytes == 0) continue;
        FS_ASSIGN(const Bytes raw, spool_.bundle(entries[sent_]));
        const Status published = link_->publish(up_topic_, raw);
        if (!published) {
            if (published.error().code != "busy") leave(published.error());
            return {};
        }
        under_way += raw.size();
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

const Spool::Entry* Upload::ending_at(std::uint64_t sequence) const {
    const auto& entries = spool_.entries();
    const auto found = std::ranges::lower_bound(entries, sequence, {}, &Spool::Entry::last);
    return found != entries.end() && found->last == sequence ? &*found : nullptr;
}

void Upload::take_receipt(ByteView payload) {
    schema::StorageReceipt receipt;
    if (!receipt.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) return;
    const auto key = keys_.find(receipt.operator_());
    if (key == keys_.end()) return;
    const auto mark = verify_receipt(receipt, options_.network, key->second);
    if (!mark || mark->stream != stream_) return;
    if (receipt.operator_() == operator_name()) last_heard_ = base::steady_now();
    const Spool::Entry* entry = ending_at(mark->position.through);
    if (entry == nullptr) return;  // of an earlier batch
    if (entry->head != mark->position.head) {
        base::log_warn("operator {} signed for another manifest at frame {}", receipt.operator_(), entry->last);
        return;
    }
    Stored& stored = receipts_[receipt.operator_()];
    if (mark->position.through < stored.through) return;
    stored = {mark->position.through, std::move(receipt)};
    count_quorum();
}

void Upload::count_quorum() {
    std::vector<std::uint64_t> held;
    for (const auto& [name, stored] : receipts_) held.push_back(stored.through);
    if (held.size() < options_.quorum) return;
    std::ranges::sort(held, std::greater<>());
    const std::size_t before = spool_.first_unstored();
    spool_.stored(held[options_.quorum - 1]);
    if (spool_.first_unstored() == before) return;
    last_progress_ = base::steady_now();
    sent_ = std::max(sent_, spool_.first_unstored());
}

Status Upload::take_notice(std::string_view payload) {
    const auto notice = Notice::decode(payload);
    if (!notice || notice->stream != stream_) return {};
    if (notice->type == Notice::Type::kRefused) {
        if (notice->error.code == "busy") return {};
        leave(notice->error);
        return refuse(notice->error);
    }
    const Spool::Entry* last = ending_at(notice->position.through);
    if (last != nullptr && last->head != notice->position.head) {
        const Error error{"conflict", "the operator holds other frames up to " + std::to_string(last->last)};
        leave(error);
        return refuse(error);
    }
    const Clock now = base::steady_now();
    const auto& entries = spool_.entries();
    const auto next = std::ranges::find(entries, notice->position.through + 1, &Spool::Entry::first);
    const auto index = static_cast<std::size_t>(next - entries.begin());
    if (next == entries.end() || next->bytes == 0 || index >= sent_ || now - last_resent_ < 200ms) return {};
    last_resent_ = now;
    sent_ = index;
    return {};
}

std::vector<schema::StorageReceipt> Upload::final_receipts() const {
    std::vector<schema::StorageReceipt> out;
    if (spool_.entries().empty()) return out;
    for (const auto& [name, stored] : receipts_)
        if (stored.through == spool_.entries().back().last) out.push_back(stored.receipt);
    return out;
}

}  // namespace fairstream::mqtt_bridge::client
