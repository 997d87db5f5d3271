#include "mqtt_bridge/client/reader.hpp"

#include <fcntl.h>

#include <algorithm>
#include <map>
#include <thread>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "identity/crypto/merkle.hpp"
#include "mqtt_bridge/client/delivery_record.hpp"
#include "mqtt_bridge/client/frame_source.hpp"
#include "mqtt_bridge/client/notice.hpp"
#include "mqtt_bridge/client/operator_link.hpp"

namespace fairstream::mqtt_bridge::client {

namespace crypto = identity::crypto;
namespace fs = std::filesystem;
namespace schema = chaincode::schema;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t kFramesPerRequest = 64;
constexpr auto kRoundPause = 250ms;

/// The ciphertext on disk, each frame after its length, while it is not known to be right as a whole.
class Scratch {
public:
    explicit Scratch(fs::path folder) : path_(std::move(folder) / "frames") {}
    ~Scratch() {
        std::error_code ignored;
        fs::remove(path_, ignored);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    Status clear() {
        std::error_code error;
        fs::create_directories(path_.parent_path(), error);
        fd_ = base::FileDescriptor(::open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        if (error || !fd_) return fail("io_error", path_.string() + ": cannot be made");
        size_ = 0;
        return {};
    }
    Status add(ByteView frame) {
        Bytes bytes;
        append_frame(bytes, frame);
        FS_TRY(base::write_all(fd_.get(), bytes, size_));
        size_ += bytes.size();
        return {};
    }
    template <typename Take>
    Status for_each(Take take) const {
        for (std::uint64_t at = 0; at < size_;) {
            FS_ASSIGN(const Bytes length, base::read_exact(fd_.get(), 4, at));
            FS_ASSIGN(const Bytes frame, base::read_exact(fd_.get(), base::read_u32(length), at + 4));
            FS_TRY(take(ByteView(frame)));
            at += 4 + frame.size();
        }
        return {};
    }

private:
    fs::path path_;
    base::FileDescriptor fd_;
    std::uint64_t size_ = 0;
};

class Fetch {
public:
    Fetch(const ReaderOptions& options, Scratch& scratch, DeliveryRecord& record, std::vector<std::string>& faults)
        : options_(options), scratch_(scratch), record_(record), faults_(faults) {}

    /// The whole range from `operators`, each frame under its key and number.
    Status run(const std::vector<OperatorEndpoint>& operators) {
        operators_ = operators;
        FS_TRY(scratch_.clear());
        std::size_t current = 0;
        auto last_progress = base::steady_now();
        while (next_ <= options_.last_sequence) {
            const auto got = round(operators_[current]);
            if (got && *got > 0) {
                last_progress = base::steady_now();
                continue;
            }
            if (!got && got.error().code == "io_error") return fail(got.error());
            if (!got && got.error().code == "receipt_wanted" && sign_for_served()) continue;
            blame(operators_[current],
                  got ? Error{"not_stored", "it holds nothing from frame " + std::to_string(next_)} : got.error());
            source_.reset();
            FS_TRY(check_patience(base::steady_now() - last_progress));
            current = (current + 1) % operators_.size();
            if (current == 0) std::this_thread::sleep_for(kRoundPause);
        }
        return {};
    }

    crypto::Hash root() const { return tree_.root(); }

    /// Enters who served what; what was signed for before stays as it was.
    void credit() const { record_.credit(served_); }
    std::string names() const {
        std::string out;
        for (const auto& name : served_.operators()) out += (out.empty() ? "" : ", ") + name;
        return out;
    }

private:
    /// One request at `at`; how many good frames it gave.
    Result<std::size_t> round(const OperatorEndpoint& at) {
        if (!source_) {
            FS_ASSIGN(source_, open_source(options_, at));
            troubles_.erase(at.name);
        }
        const auto limit =
            static_cast<std::uint32_t>(std::min<std::uint64_t>(kFramesPerRequest, options_.last_sequence - next_ + 1));
        FS_ASSIGN(const auto frames, source_->fetch(next_, limit));
        if (frames.size() > limit) return fail("wrong_bytes", "it sent more frames than were asked for");
        for (const Bytes& frame : frames) {
            FS_TRY(check(frame));
            FS_TRY(scratch_.add(frame));
            tree_.add(crypto::merkle_leaf(frame));
            served_.credit(at.name, next_++);
        }
        if (options_.on_progress)
            options_.on_progress(
                {next_ - options_.first_sequence, options_.last_sequence - options_.first_sequence + 1, at.name});
        return frames.size();
    }

    /// The operator serves no further without a receipt (W). It may know one of an earlier reader of this purchase,
    /// which ours must go on from.
    bool sign_for_served() {
        credit();
        if (record_.unsigned_entries() == 0) return false;
        const auto hand_in = [&] {
            return source_->hand_in(sign_receipted(record_.next(), options_.grant, options_.network, options_.holder));
        };
        Status done = hand_in();
        if (!done && done.error().code == "stale_receipt") {
            const auto held = source_->held();
            if (!held) return false;
            auto earlier = DeliveryRecord::after(*held, options_.purchase);
            if (!earlier) return false;
            record_ = std::move(*earlier);
            credit();
            done = record_.unsigned_entries() == 0 ? Status() : hand_in();
        }
        return done.has_value();
    }

    Status check(ByteView frame) const {
        const auto header = crypto::FrameHeader::decode(frame);
        const bool right = header && header->sequence == next_ &&
                           header->stream == crypto::stream_hash(options_.stream_id) &&
                           crypto::open_frame(options_.encryption_subkey, frame);
        if (!right) return fail("wrong_bytes", "what it sent as frame " + std::to_string(next_) + " is not that frame");
        return {};
    }

    void blame(const OperatorEndpoint& at, const Error& error) {
        if (!troubles_.contains(at.name)) faults_.push_back(at.name + ": " + error.code + ": " + error.message);
        troubles_[at.name] = error;
    }

    Status check_patience(std::chrono::microseconds without_progress) const {
        if (troubles_.size() < operators_.size()) return {};
        std::string all;
        for (const auto& [name, error] : troubles_) all += " " + name + ": " + error.code + " (" + error.message + ");";
        const auto every = [&](auto predicate) {
            return std::ranges::all_of(troubles_, [&](const auto& one) { return predicate(one.second); });
        };
        if (every(is_final_refusal)) return fail("grant_refused", "every operator refused:" + all);
        if (without_progress < options_.timeout && !served_.full()) return {};
        if (every(is_refusal)) return fail("grant_refused", "every operator refused:" + all);
        return fail("operators_unreachable", "frame " + std::to_string(next_) + " cannot be had:" + all);
    }

    const ReaderOptions& options_;
    Scratch& scratch_;
    DeliveryRecord& record_;
    std::vector<std::string>& faults_;
    std::vector<OperatorEndpoint> operators_;
    std::unique_ptr<FrameSource> source_;
    crypto::MerkleAccumulator tree_;
    std::uint64_t next_ = options_.first_sequence;
    std::map<std::string, Error> troubles_;
    ServedRanges served_;
};

Status check_options(const ReaderOptions& options) {
    if (options.operators.empty()) return fail("bad_options", "no operator is named");
    if (options.first_sequence == 0 || options.last_sequence < options.first_sequence)
        return fail("bad_options", "the range is empty");
    if (options.encryption_subkey.size() != 32 || options.mac_subkey.size() != 32)
        return fail("bad_options", "the subkeys have 32 bytes each");
    return {};
}

/// From all operators together; if a key holder has forged frames for one of them, from each alone.
Status fetch_range(const ReaderOptions& options, Scratch& scratch, DeliveryRecord& record,
                   std::vector<std::string>& faults) {
    std::vector<std::vector<OperatorEndpoint>> tries{options.operators};
    if (options.operators.size() > 1)
        for (const OperatorEndpoint& one : options.operators) tries.push_back({one});
    for (const auto& operators : tries) {
        Fetch fetch(options, scratch, record, faults);
        if (const Status fetched = fetch.run(operators); !fetched) {
            if (operators.size() == options.operators.size()) return fail(fetched.error());
            continue;
        }
        if (fetch.root() == options.merkle_root) {
            fetch.credit();
            return {};
        }
        faults.push_back(fetch.names() + ": bad_root: the frames do not hash to the recorded root");
    }
    return fail("bad_root", "no operator serves frames under the Merkle root that the seller recorded");
}

Result<std::uint64_t> decrypt(const ReaderOptions& options, const Scratch& scratch, const Sink& sink) {
    crypto::Hasher mac{ByteView(options.mac_subkey)};
    std::uint64_t bytes = 0;
    FS_TRY(scratch.for_each([&](ByteView frame) -> Status {
        FS_ASSIGN(const Bytes plaintext, crypto::open_frame(options.encryption_subkey, frame));
        mac.update(plaintext);
        bytes += plaintext.size();
        return sink(plaintext);
    }));
    if (!base::equal_constant_time(mac.finish(), options.sigma_d))
        return fail("bad_mac", "the plaintext is not what the seller recorded: its MAC differs");
    return bytes;
}

}  // namespace

Result<Delivery> read_batch(const ReaderOptions& options, const Sink& sink) {
    FS_TRY(check_options(options));
    Scratch scratch(options.scratch);
    Delivery out;
    DeliveryRecord record(options.purchase, options.receipt_counter);
    FS_TRY(fetch_range(options, scratch, record, out.faults));
    FS_ASSIGN(out.plaintext_bytes, decrypt(options, scratch, sink));
    out.served = record.served().served();
    out.receipt = sign_delivery(record.next(), options.network, options.holder);
    return out;
}

}  // namespace fairstream::mqtt_bridge::client
