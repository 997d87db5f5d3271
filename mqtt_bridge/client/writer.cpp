#include "mqtt_bridge/client/writer.hpp"

#include <algorithm>

#include "base/clock.hpp"
#include "mqtt_bridge/client/upload.hpp"

namespace fairstream::mqtt_bridge::client {

namespace crypto = identity::crypto;
namespace schema = chaincode::schema;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kBundleBytes = 256u << 10;  // a bundle is sent when it has grown to this
constexpr std::size_t kBundleFrames = 64;

Status check_key(const EpochKey& key) {
    if (key.encryption_subkey.size() != 32) return fail("bad_options", "the encryption subkey has 32 bytes");
    if (!key.mac_subkey.empty() && key.mac_subkey.size() != 32)
        return fail("bad_options", "the MAC subkey has 32 bytes, or is not given");
    return {};
}

Status check(const WriterOptions& options) {
    if (options.operators.empty() || options.quorum == 0 || options.quorum > options.operators.size())
        return fail("bad_options", "a quorum of " + std::to_string(options.quorum) + " of " +
                                       std::to_string(options.operators.size()) + " operators cannot be");
    if (!options.previous_manifest.empty() && options.previous_manifest.size() != 32)
        return fail("bad_options", "the manifest head before has 32 bytes, or there is none");
    if (options.first_sequence == 0 || (options.first_sequence == 1) != options.previous_manifest.empty())
        return fail("bad_options", "a stream's first batch begins at 1, and no other has no manifest before it");
    return check_key({options.key_epoch, options.encryption_subkey, options.mac_subkey});
}

SpoolChain::Start start_of(const WriterOptions& options) {
    SpoolChain::Start start;
    Bytes first;
    base::append_u64(first, options.first_sequence);
    start.identity = crypto::sha256(base::lp(std::string_view(options.network), std::string_view(options.grant),
                                             std::string_view(options.stream_id), ByteView(first),
                                             ByteView(options.previous_manifest)));
    start.first_sequence = options.first_sequence;
    std::ranges::copy(options.previous_manifest, start.previous.begin());
    start.key_epoch = options.key_epoch;
    start.keep = !options.mac_subkey.empty();
    return start;
}

}  // namespace

struct Writer::Impl {
    Impl(WriterOptions given, SpoolChain opened)
        : options(std::move(given)),
          spool(std::move(opened)),
          upload(options, spool),
          last_time_us(std::max(options.not_before_us, spool.last_time_us())) {
        const Bytes random = crypto::random_bytes(instance.size());
        std::ranges::copy(random, instance.begin());
    }

    Spool& batch() { return spool.newest().spool; }

    /// Makes `key` the newest batch's; what is in the batch already goes into the MAC.
    Status use(EpochKey next) {
        FS_TRY(check_key(next));
        if (next.number != spool.newest().key_epoch)
            return fail("bad_options", "the batch is of key epoch " + std::to_string(spool.newest().key_epoch) +
                                           ", the key of " + std::to_string(next.number));
        key = std::move(next);
        mac.reset();
        if (key.mac_subkey.empty() || batch().closed()) return {};
        mac.emplace(ByteView(key.mac_subkey));
        return batch().read_back(key.encryption_subkey, [this](ByteView plaintext) { mac->update(plaintext); });
    }

    void seal(ByteView plaintext, bool closing) {
        last_time_us = std::max(last_time_us, base::to_us(base::wall_now()));
        const crypto::FrameHeader header{.flags = closing ? crypto::FrameHeader::kClosing : std::uint8_t{0},
                                         .stream = crypto::stream_hash(options.stream_id),
                                         .writer = instance,
                                         .key_epoch = key.number,
                                         .sequence = batch().next_sequence() + frames.size(),
                                         .time_us = last_time_us};
        frames.push_back(crypto::seal_frame(key.encryption_subkey, header, plaintext));
        frame_bytes += frames.back().size();
        if (mac) mac->update(plaintext);
    }

    void seal_held() {
        if (held) seal(*held, /*closing=*/false);
        held.reset();
    }

    Status bundle(const std::optional<Hash>& sigma_d) {
        crypto::MerkleAccumulator tree;
        for (const Bytes& frame : frames) tree.add(crypto::merkle_leaf(frame));
        const ManifestFields manifest{.stream = crypto::stream_hash(options.stream_id),
                                      .writer = instance,
                                      .first = batch().next_sequence(),
                                      .last = batch().next_sequence() + frames.size() - 1,
                                      .root = tree.root(),
                                      .previous = batch().head(),
                                      .closing = sigma_d.has_value()};
        FS_TRY(batch().add(manifest, seal_bundle(manifest, sigma_d, frames, options.network, options.holder), frames));
        frames.clear();
        frame_bytes = 0;
        return {};
    }

    /// The newest batch's last bundle.
    Status end(const std::optional<Hash>& sigma_d) {
        if (!mac && !sigma_d) return fail("bad_options", "sigma_d is not given, nor the MAC subkey to make it");
        seal(held ? ByteView(*held) : ByteView(), /*closing=*/true);
        held.reset();
        return bundle(sigma_d ? sigma_d : std::optional<Hash>(mac->finish()));
    }

    Status flush_if_due() {
        if (options.flush_after == 0ms || (!held && frames.empty())) return {};
        if (base::steady_now() - oldest < options.flush_after) return {};
        seal_held();
        return bundle(std::nullopt);
    }

    Status pump(std::chrono::milliseconds wait) {
        FS_TRY(flush_if_due());
        FS_TRY(upload.pump(wait));
        if (!options.on_progress) return {};
        const Spool& newest = batch();
        const std::size_t unstored = newest.first_unstored();
        const std::uint64_t stored =
            unstored == 0 ? 0 : newest.entries()[unstored - 1].last - newest.first_sequence() + 1;
        options.on_progress(
            {newest.frames(), stored, spool.stored_through(), newest.plaintext_bytes(), upload.operator_name()});
        return {};
    }

    Result<StoredBatch> result(const SpoolChain::Batch& of) const {
        const Spool::Entry& last = of.spool.entries().back();
        FS_ASSIGN(const Bytes raw, of.spool.bundle(last));
        schema::Bundle bundle;
        schema::Manifest manifest;
        if (!bundle.ParseFromArray(raw.data(), static_cast<int>(raw.size())) ||
            !manifest.ParseFromString(bundle.manifest().manifest()))
            return fail("spool_damaged", "the closing bundle does not parse");
        StoredBatch out;
        out.first_sequence = of.spool.first_sequence();
        out.last_sequence = last.last;
        out.merkle_root = of.spool.merkle_root();
        out.manifest_head = last.head;
        out.plaintext_bytes = of.spool.plaintext_bytes();
        out.key_epoch = of.key_epoch;
        out.sigma_d = crypto::to_hash(as_bytes(manifest.sigma_d())).value_or(Hash{});
        out.first_time_us = of.spool.entries().front().first_time_us;
        out.last_time_us = last.last_time_us;
        out.closing_manifest = bundle.manifest();
        out.receipts = upload.end_receipts(last.last);
        return out;
    }

    const WriterOptions options;
    SpoolChain spool;
    Upload upload;
    EpochKey key;
    std::optional<crypto::Hasher> mac;  // over what is sealed of the newest batch, if its MAC subkey is known
    crypto::WriterInstance instance{};
    std::uint64_t last_time_us = 0;  // of the newest frame
    std::optional<Bytes> held;       // the newest piece: only `close` knows whether it is the last
    std::vector<Bytes> frames;       // sealed, not yet under a manifest
    std::size_t frame_bytes = 0;
    std::chrono::microseconds oldest{};  // steady time of the oldest piece that is in no bundle
    std::uint64_t taken_through = 0;     // of the batches given out by take_stored
};

Writer::Writer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Writer::~Writer() = default;

Result<std::unique_ptr<Writer>> Writer::open(WriterOptions options) {
    FS_TRY(check(options));
    FS_ASSIGN(auto spool, SpoolChain::open(options.spool, start_of(options)));
    EpochKey key{options.key_epoch, options.encryption_subkey, options.mac_subkey};
    const std::uint32_t number = spool.newest().key_epoch;
    if (number != key.number) {
        if (!options.key_of)
            return fail("bad_options",
                        "the spool goes on in key epoch " + std::to_string(number) + ": its key is needed");
        FS_ASSIGN(key, options.key_of(number));
    }
    auto impl = std::make_unique<Impl>(std::move(options), std::move(spool));
    FS_TRY(impl->use(std::move(key)));
    return std::unique_ptr<Writer>(new Writer(std::move(impl)));
}

std::uint64_t Writer::plaintext_bytes_spooled() const {
    return impl_->batch().plaintext_bytes();
}

std::uint32_t Writer::key_epoch() const {
    return impl_->spool.newest().key_epoch;
}

std::uint64_t Writer::next_sequence() const {
    return impl_->batch().next_sequence() + impl_->frames.size() + (impl_->held ? 1 : 0);
}

bool Writer::closed() const {
    return impl_->batch().closed();
}

Status Writer::write(ByteView plaintext) {
    if (closed()) return fail("closed", "the batch is closed; a further one needs a further key epoch, or spool");
    if (plaintext.size() > crypto::kMaxFramePlaintext)
        return fail("too_large", "a frame holds at most 1 MiB of plaintext");
    if (!impl_->held && impl_->frames.empty()) impl_->oldest = base::steady_now();
    impl_->seal_held();
    impl_->held = to_bytes(plaintext);
    if (impl_->frame_bytes >= kBundleBytes || impl_->frames.size() >= kBundleFrames) {
        FS_TRY(impl_->bundle(std::nullopt));
        impl_->oldest = base::steady_now();
        FS_TRY(impl_->pump(0ms));
    }
    while (impl_->spool.waiting_bytes() > impl_->options.max_spool_bytes) FS_TRY(impl_->pump(100ms));
    return {};
}

Status Writer::pump(std::chrono::milliseconds wait) {
    return impl_->pump(wait);
}

Status Writer::roll(const EpochKey& next) {
    FS_TRY(check_key(next));
    if (next.mac_subkey.empty()) return fail("bad_options", "a writer that rolls makes sigma_d itself");
    if (next.number <= key_epoch()) return fail("bad_options", "key epochs rise");
    if (!closed()) FS_TRY(impl_->end(std::nullopt));
    FS_TRY(impl_->spool.begin(next.number));
    FS_TRY(impl_->use(next));
    return impl_->pump(0ms);
}

Result<std::vector<StoredBatch>> Writer::take_stored() {
    std::vector<StoredBatch> out;
    for (const auto& batch : impl_->spool.batches()) {
        const std::uint64_t last = batch.spool.next_sequence() - 1;
        if (!batch.spool.closed() || !impl_->upload.complete(last)) break;
        if (last <= impl_->taken_through) continue;
        FS_ASSIGN(auto stored, impl_->result(batch));
        out.push_back(std::move(stored));
        impl_->taken_through = last;
    }
    return out;
}

Status Writer::forget(std::uint64_t last_sequence) {
    FS_TRY(impl_->spool.forget(last_sequence));
    impl_->upload.forget(impl_->spool.batches().front().spool.first_sequence() - 1);
    return {};
}

Result<StoredBatch> Writer::close(const std::optional<crypto::Hash>& sigma_d) {
    if (!closed()) FS_TRY(impl_->end(sigma_d));
    const auto complete = [&] {
        return std::ranges::all_of(impl_->spool.batches(), [&](const SpoolChain::Batch& batch) {
            return impl_->upload.complete(batch.spool.next_sequence() - 1);
        });
    };
    while (!complete()) FS_TRY(impl_->pump(100ms));
    FS_TRY(impl_->pump(0ms));
    return impl_->result(impl_->spool.newest());
}

}  // namespace fairstream::mqtt_bridge::client
