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

Status check(const WriterOptions& options) {
    if (options.operators.empty() || options.quorum == 0 || options.quorum > options.operators.size())
        return fail("bad_options", "a quorum of " + std::to_string(options.quorum) + " of " +
                                       std::to_string(options.operators.size()) + " operators cannot be");
    if (options.encryption_subkey.size() != 32) return fail("bad_options", "the encryption subkey has 32 bytes");
    if (!options.previous_manifest.empty() && options.previous_manifest.size() != 32)
        return fail("bad_options", "the manifest head before has 32 bytes, or there is none");
    if (options.first_sequence == 0 || (options.first_sequence == 1) != options.previous_manifest.empty())
        return fail("bad_options", "a stream's first batch begins at 1, and no other has no manifest before it");
    return {};
}

Hash spool_identity(const WriterOptions& options) {
    Bytes first;
    base::append_u64(first, options.first_sequence);
    return crypto::sha256(base::lp(std::string_view(options.network), std::string_view(options.grant),
                                   std::string_view(options.stream_id), ByteView(first),
                                   ByteView(options.previous_manifest)));
}

}  // namespace

struct Writer::Impl {
    Impl(WriterOptions given, Spool opened)
        : options(std::move(given)), spool(std::move(opened)), upload(options, spool) {
        const Bytes random = crypto::random_bytes(instance.size());
        std::ranges::copy(random, instance.begin());
    }

    void seal(ByteView plaintext, bool closing) {
        const crypto::FrameHeader header{.flags = closing ? crypto::FrameHeader::kClosing : std::uint8_t{0},
                                         .stream = crypto::stream_hash(options.stream_id),
                                         .writer = instance,
                                         .key_epoch = options.key_epoch,
                                         .sequence = spool.next_sequence() + frames.size(),
                                         .time_us = base::to_us(base::wall_now())};
        frames.push_back(crypto::seal_frame(options.encryption_subkey, header, plaintext));
        frame_bytes += frames.back().size();
    }

    Status bundle(const std::optional<Hash>& sigma_d) {
        crypto::MerkleAccumulator tree;
        for (const Bytes& frame : frames) tree.add(crypto::merkle_leaf(frame));
        const ManifestFields manifest{.stream = crypto::stream_hash(options.stream_id),
                                      .writer = instance,
                                      .first = spool.next_sequence(),
                                      .last = spool.next_sequence() + frames.size() - 1,
                                      .root = tree.root(),
                                      .previous = spool.head(),
                                      .closing = sigma_d.has_value()};
        FS_TRY(spool.add(manifest, seal_bundle(manifest, sigma_d, frames, options.network, options.holder), frames));
        frames.clear();
        frame_bytes = 0;
        return {};
    }

    Status pump(std::chrono::milliseconds wait) {
        FS_TRY(upload.pump(wait));
        if (!options.on_progress) return {};
        const auto& entries = spool.entries();
        const std::size_t unstored = spool.first_unstored();
        const std::uint64_t stored = unstored == 0 ? 0 : entries[unstored - 1].last - options.first_sequence + 1;
        options.on_progress({spool.frames(), stored, spool.plaintext_bytes(), upload.operator_name()});
        return {};
    }

    Result<StoredBatch> result() {
        const Spool::Entry& last = spool.entries().back();
        FS_ASSIGN(const Bytes raw, spool.bundle(last));
        schema::Bundle bundle;
        if (!bundle.ParseFromArray(raw.data(), static_cast<int>(raw.size())))
            return fail("spool_damaged", "the closing bundle does not parse");
        StoredBatch out;
        out.first_sequence = options.first_sequence;
        out.last_sequence = last.last;
        out.merkle_root = spool.merkle_root();
        out.manifest_head = last.head;
        out.plaintext_bytes = spool.plaintext_bytes();
        out.closing_manifest = bundle.manifest();
        out.receipts = upload.final_receipts();
        return out;
    }

    const WriterOptions options;
    Spool spool;
    Upload upload;
    crypto::WriterInstance instance{};
    std::optional<Bytes> held;  // the newest piece: only `close` knows whether it is the last
    std::vector<Bytes> frames;  // sealed, not yet under a manifest
    std::size_t frame_bytes = 0;
};

Writer::Writer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Writer::~Writer() = default;

Result<std::unique_ptr<Writer>> Writer::open(WriterOptions options) {
    FS_TRY(check(options));
    Hash previous{};
    std::ranges::copy(options.previous_manifest, previous.begin());
    FS_ASSIGN(auto spool, Spool::open(options.spool, spool_identity(options), options.first_sequence, previous));
    return std::unique_ptr<Writer>(new Writer(std::make_unique<Impl>(std::move(options), std::move(spool))));
}

std::uint64_t Writer::plaintext_bytes_spooled() const {
    return impl_->spool.plaintext_bytes();
}

bool Writer::closed() const {
    return impl_->spool.closed();
}

Status Writer::write(ByteView plaintext) {
    if (closed()) return fail("closed", "the batch is closed; a further one needs a further spool");
    if (plaintext.size() > crypto::kMaxFramePlaintext)
        return fail("too_large", "a frame holds at most 1 MiB of plaintext");
    if (impl_->held) impl_->seal(*impl_->held, /*closing=*/false);
    impl_->held = to_bytes(plaintext);
    if (impl_->frame_bytes >= kBundleBytes || impl_->frames.size() >= kBundleFrames) {
        FS_TRY(impl_->bundle(std::nullopt));
        FS_TRY(impl_->pump(0ms));
    }
    while (impl_->spool.waiting_bytes() > impl_->options.max_spool_bytes) FS_TRY(impl_->pump(100ms));
    return {};
}

Result<StoredBatch> Writer::close(const crypto::Hash& sigma_d) {
    if (!closed()) {
        impl_->seal(impl_->held ? ByteView(*impl_->held) : ByteView(), /*closing=*/true);
        impl_->held.reset();
        FS_TRY(impl_->bundle(sigma_d));
    }
    while (impl_->upload.final_receipts().size() < impl_->options.quorum) FS_TRY(impl_->pump(100ms));
    FS_TRY(impl_->pump(0ms));
    return impl_->result();
}

}  // namespace fairstream::mqtt_bridge::client
