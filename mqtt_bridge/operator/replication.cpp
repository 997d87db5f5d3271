#include "mqtt_bridge/operator/replication.hpp"

#include <algorithm>

#include "base/encoding.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "ledger/proto/wire.hpp"
#include "mqtt_bridge/client/notice.hpp"
#include "mqtt_bridge/client/receipt.hpp"
#include "security_manager/gate/topic.hpp"

namespace fairstream::mqtt_bridge::storage_operator {

namespace gate = security_manager::gate;
namespace schema = chaincode::schema;
using client::Notice;
using namespace std::chrono_literals;
using namespace replicate;

namespace {

constexpr auto kTick = 10ms;
constexpr auto kRetryUnplaced = 5s;
constexpr std::size_t kRangeBytes = 2u << 20;
constexpr std::size_t kMarksPerMessage = 512;
constexpr std::size_t kMaxEvidence = 1000;

/// The first byte of a message between operators.
enum Kind : std::uint8_t { kIntroduce = 1, kPush = 2, kMarks = 3, kFetch = 4, kReceipt = 5, kWho = 6 };

}  // namespace

Replication::Replication(base::net::Loop& loop, base::Pool& pool, log::StreamLog& log, StreamDirectory& directory,
                         Peers& peers, base::Metrics& metrics, Config config, Outlets outlets)
    : scope_(loop),
      pool_(pool),
      log_(log),
      directory_(directory),
      peers_(peers),
      metrics_(metrics),
      config_(std::move(config)),
      outlets_(std::move(outlets)),
      core_(config_.self),
      intake_(loop, pool, directory, metrics, config_.network,
              {.place = [this](const StreamHash& stream, const StreamInfo& info) { return place(stream, info); },
               .arrived = [this](Arrival arrival) { run(BundleArrived{std::move(arrival)}); },
               .bad =
                   [this](const std::string& peer, const StreamHash& stream) {
                       run(BadBundle{peer, stream});
                   },
               .refuse = [this](const std::string& reply_to, const StreamHash& stream,
                                const Error& error) { refuse(reply_to, stream, error); }}),
      appends_(log, [this](Result<std::vector<Stored>> stored) {
          scope_.post([this, batch = std::make_shared<Result<std::vector<Stored>>>(std::move(stored))] {
              if (!*batch) return outlets_.on_failure(batch->error());
              metrics_.count("fairstream_operator_log_syncs_total");
              for (Stored& one : **batch) run(std::move(one));
          });
      }) {}

void Replication::start() {
    for (const auto& [stream, position] : log_.marks()) {
        run(Restored{stream, position});
        unplaced_.insert(stream);
    }
    scope_.post([this] { tick(); });
}

void Replication::close() {
    intake_.close();
    scope_.close();
}

void Replication::refuse(const std::string& reply_to, const StreamHash& stream, const Error& error) {
    const Notice notice{.type = Notice::Type::kRefused, .stream = stream, .position = {}, .error = error};
    (void)outlets_.publish(reply_to, as_bytes(notice.encode()), {});
}

void Replication::tick() {
    const TimePoint now = base::wall_now();
    if (!unplaced_.empty() && now >= retry_unplaced_) {
        retry_unplaced_ = now + kRetryUnplaced;
        restore();
    }
    run(Tick{now});
    scope_.after(kTick, [this] { tick(); });
}

/// Asks the ledger who holds what the log holds, so that repair goes on after a restart.
void Replication::restore() {
    const std::set<StreamHash> streams = unplaced_;
    for (const StreamHash& stream : streams)
        directory_.resolve(stream, {}, StreamDirectory::kUsual, [this, stream](const Result<StreamInfo>& info) {
            if (info) place(stream, *info);
        });
}

bool Replication::place(const StreamHash& stream, const StreamInfo& info) {
    unplaced_.erase(stream);
    auto told = std::pair(info.operators, info.quorum);
    const auto known = placed_.find(stream);
    if (known == placed_.end() || known->second != told) {
        placed_.insert_or_assign(stream, std::move(told));
        run(StreamPlaced{stream, info.operators, info.quorum});
    }
    return core_.placed(stream);
}

void Replication::on_upload(const StreamHash& stream, Bytes raw, const std::string& grant,
                            const std::string& reply_to) {
    intake_.add(stream, {.raw = std::move(raw), .peer = {}, .grant = grant, .reply_to = reply_to});
}

// ---- Other operators ----------------------------------------------------------------------------------------------

void Replication::on_peer_up(const std::string& name) {
    introduced_[name].clear();
    run(PeerUp{name});
}

void Replication::on_peer_down(const std::string& name) {
    run(PeerDown{name});
}

void Replication::on_operator_message(const std::string& from, ByteView payload) {
    if (payload.empty() || peers_.key_of(from) == nullptr) return;
    const ByteView body = payload.subspan(1);
    switch (payload[0]) {
        case kIntroduce:
            return on_introduction(from, body);
        case kMarks:
            return on_marks(from, body);
        case kReceipt:
            return on_receipt(from, body);
        case kPush: {
            if (body.size() < 16) return;
            StreamHash stream;
            std::copy_n(body.begin(), stream.size(), stream.begin());
            if (directory_.id_of(stream) == nullptr) return (void)send(from, kWho, stream);
            return intake_.add(stream, {.raw = to_bytes(body.subspan(16)), .peer = from, .grant = {}, .reply_to = {}});
        }
        case kFetch: {
            const auto fetch = decode_fetch(body);
            if (fetch) run(FetchArrived{from, *fetch});
            return;
        }
        case kWho: {
            StreamHash stream;
            if (body.size() != stream.size()) return;
            std::ranges::copy(body, stream.begin());
            introduced_[from].erase(stream);
            if (core_.placed(stream)) run(MarkArrived{from, {stream, {}, /*ask=*/true, 0}});  // it has nothing yet
            return;
        }
        default:
            return;
    }
}

void Replication::on_introduction(const std::string& from, ByteView body) {
    while (body.size() >= 4 && body.size() - 4 >= base::read_u32(body)) {
        const std::string id(as_text(body.subspan(4, base::read_u32(body))));
        body = body.subspan(4 + id.size());
        if (!directory_.learn(id)) continue;
        const StreamHash stream = identity::crypto::stream_hash(id);
        if (placed_.contains(stream)) continue;
        directory_.resolve(stream, {}, StreamDirectory::kUsual, [this, from, stream](const Result<StreamInfo>& info) {
            if (info && std::ranges::find(info->operators, from) != info->operators.end()) place(stream, *info);
        });
    }
}

void Replication::on_marks(const std::string& from, ByteView body) {
    const auto marks = decode_marks(body);
    if (!marks) return;
    for (const MarkMessage& mark : *marks) {
        if (directory_.id_of(mark.stream) == nullptr) {
            (void)send(from, kWho, mark.stream);
        } else {
            run(MarkArrived{from, mark});
        }
    }
}

void Replication::on_receipt(const std::string& from, ByteView body) {
    schema::StorageReceipt receipt;
    if (!receipt.ParseFromArray(body.data(), static_cast<int>(body.size())) || receipt.operator_() != from) return;
    const auto key = *peers_.key_of(from);
    auto encoded = std::make_shared<Bytes>(to_bytes(body));
    (void)pool_.post([this, from, key, encoded, receipt] {
        const auto mark = client::verify_receipt(receipt, config_.network, key);
        if (!mark) return;
        scope_.post([this, from, encoded, said = *mark] {
            if (!core_.placed(said.stream)) return;
            remember(said.stream, from, said.position.through, *encoded);
            run(ReceiptArrived{from, said.stream, said.position, std::move(*encoded)});
        });
    });
}

Status Replication::send(const std::string& peer, std::uint8_t kind, ByteView body) {
    Bytes message{kind};
    message.reserve(1 + body.size());
    append(message, body);
    return peers_.send(peer, message);
}

/// Tells the peer the ids behind the hashes it has not heard of on this connection. False: it could not be told.
bool Replication::introduce(const std::string& peer, const std::vector<StreamHash>& streams) {
    auto& known = introduced_[peer];
    base::LengthPrefixed ids;
    for (const StreamHash& stream : streams) {
        const std::string* id = directory_.id_of(stream);
        if (id != nullptr && !known.contains(stream)) ids.add(*id);
    }
    if (ids.bytes().empty()) return true;
    if (!send(peer, kIntroduce, ids.bytes())) return false;
    known.insert(streams.begin(), streams.end());
    return true;
}

// ---- Actions ------------------------------------------------------------------------------------------------------

void Replication::run(Event event) {
    for (Action& action : core_.step(std::move(event)))
        std::visit([this](auto&& one) { act(std::move(one)); }, std::move(action));
    flush_marks();
}

void Replication::act(Append action) {
    appends_.add(std::move(action.arrival));
}

void Replication::act(Push action) {
    if (!introduce(action.peer, {action.bundle->stream})) return;
    Bytes body = to_bytes(ByteView(action.bundle->stream));
    append(body, action.bundle->raw);
    (void)send(action.peer, kPush, body);  // what is lost here is found by exchanging marks
}

void Replication::act(SendMark action) {
    marks_out_[action.peer].push_back(action.mark);
}

void Replication::flush_marks() {
    for (auto& [peer, marks] : marks_out_) {
        for (std::size_t at = 0; at < marks.size(); at += kMarksPerMessage) {
            const auto begin = marks.begin() + static_cast<std::ptrdiff_t>(at);
            const std::vector<MarkMessage> some(
                begin, begin + static_cast<std::ptrdiff_t>(std::min(kMarksPerMessage, marks.size() - at)));
            std::vector<StreamHash> streams;
            for (const MarkMessage& mark : some) streams.push_back(mark.stream);
            if (!introduce(peer, streams) || !send(peer, kMarks, encode(some))) break;
        }
    }
    marks_out_.clear();
}

void Replication::act(SendFetch action) {
    metrics_.count("fairstream_operator_fetches_total", 1, {{"from", action.peer}});
    if (introduce(action.peer, {action.fetch.stream})) (void)send(action.peer, kFetch, encode(action.fetch));
}

void Replication::act(SendRange action) {
    (void)pool_.post([this, action] {
        auto records =
            std::make_shared<Result<std::vector<log::Record>>>(log_.read(action.stream, action.from, kRangeBytes));
        scope_.post([this, action, records] {
            if (!*records) return base::log_warn("cannot serve a peer: {}", records->error().message);
            std::uint64_t end = action.from - 1;
            for (const log::Record& record : **records) {
                Bytes body = to_bytes(ByteView(record.stream));
                append(body, record.raw);
                if (!send(action.peer, kPush, body)) break;
                end = record.last;
            }
            const MarkMessage mark{action.stream, core_.durable(action.stream), /*ask=*/false, end};
            (void)send(action.peer, kMarks, encode(std::vector<MarkMessage>{mark}));
        });
    });
}

void Replication::act(PublishLive action) {
    (void)pool_.post([this, action] {
        auto records =
            std::make_shared<Result<std::vector<log::Record>>>(log_.read(action.stream, action.first, kRangeBytes));
        scope_.post([this, action, records] {
            if (!*records) return;
            for (const log::Record& record : **records) {
                const auto frames = client::frames_of(record.raw);
                std::uint64_t sequence = record.first;
                for (const Bytes& frame : frames.value_or(std::vector<Bytes>())) {
                    if (sequence >= action.first && sequence <= action.last)
                        (void)outlets_.publish(gate::live_topic(action.stream), frame, {.qos = 0});
                    ++sequence;
                }
            }
            if (!(*records)->empty() && (*records)->back().last < action.last)
                act(PublishLive{action.stream, (*records)->back().last + 1, action.last});
        });
    });
}

void Replication::act(SignMarks action) {
    (void)pool_.post([this, action] {
        std::vector<client::StreamMark> marks;
        for (const auto& one : action.marks) marks.push_back({one.stream, one.position});
        auto receipts = std::make_shared<std::vector<schema::StorageReceipt>>(
            client::sign_receipts(marks, config_.self, config_.network, config_.key, base::wall_now()));
        scope_.post([this, action, receipts] {
            metrics_.count("fairstream_operator_receipts_signed_total");
            for (std::size_t i = 0; i < receipts->size(); ++i) {
                const auto& one = action.marks[i];
                const Bytes encoded = ledger::proto::encode((*receipts)[i]);
                remember(one.stream, config_.self, one.position.through, encoded);
                (void)outlets_.publish(gate::receipts_topic(one.stream), encoded, {});
                for (const std::string& peer : one.peers)
                    if (introduce(peer, {one.stream})) (void)send(peer, kReceipt, encoded);
            }
        });
    });
}

void Replication::remember(const StreamHash& stream, const std::string& by, std::uint64_t through,
                           const Bytes& encoded) {
    KnownReceipt& known = receipts_[stream][by];
    if (through >= known.through) known = {through, encoded};
}

const std::map<std::string, Replication::KnownReceipt>* Replication::receipts(const StreamHash& stream) const {
    const auto found = receipts_.find(stream);
    return found == receipts_.end() ? nullptr : &found->second;
}

void Replication::act(PublishReceipt action) {
    (void)outlets_.publish(gate::receipts_topic(action.stream), action.encoded, {});
}

void Replication::act(TellExpected action) {
    const Notice notice{
        .type = Notice::Type::kExpected, .stream = action.stream, .position = action.position, .error = {}};
    (void)outlets_.publish(action.reply_to, as_bytes(notice.encode()), {});
}

void Replication::act(Conflict action) {
    const log::Record& bundle = *action.arrival.bundle;
    metrics_.count("fairstream_operator_conflicts_total");
    const std::string name = base::to_hex(bundle.stream) + "-" + std::to_string(bundle.first) + "-" +
                             base::to_hex(ByteView(bundle.head).first(8)) + ".bundle";
    base::log_warn(
        "stream {}: its writer signed two different bundles from frame {} on; the second is kept as evidence {}",
        base::to_hex(bundle.stream), bundle.first, name);
    (void)pool_.post([path = config_.evidence / name, arrival = action.arrival] {
        std::error_code error;
        std::filesystem::create_directories(path.parent_path(), error);
        const auto held = std::distance(std::filesystem::directory_iterator(path.parent_path(), error), {});
        if (error || static_cast<std::size_t>(held) >= kMaxEvidence || std::filesystem::exists(path, error)) return;
        if (const auto written = base::write_file(path, arrival.bundle->raw, 0600); !written)
            base::log_warn("evidence lost: {}", written.error().message);
    });
    if (!action.arrival.reply_to.empty())
        refuse(action.arrival.reply_to, bundle.stream, {"conflict", "other frames are stored under these numbers"});
}

void Replication::act(PeerFault action) {
    metrics_.count("fairstream_operator_peer_faults_total", 1, {{"peer", action.peer}});
    base::log_warn("operator {} and stream {}: {}", action.peer, base::to_hex(action.stream), action.why);
}

}  // namespace fairstream::mqtt_bridge::storage_operator
