#include "mqtt_bridge/client/bundle.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace fairstream::mqtt_bridge::client {

namespace schema = chaincode::schema;
using identity::crypto::signing_input;

namespace {

constexpr std::string_view kManifestType = "manifest/v1";
constexpr std::size_t kMaxManifestBytes = 1024;

template <std::size_t N>
bool take(const std::string& from, std::array<std::uint8_t, N>& to) {
    if (from.size() != N) return false;
    std::ranges::copy(as_bytes(from), to.begin());
    return true;
}

Result<ManifestFields> read_manifest(const std::string& bytes) {
    schema::Manifest message;
    if (bytes.size() > kMaxManifestBytes || !message.ParseFromString(bytes))
        return fail("bad_bundle", "the manifest does not parse");
    ManifestFields fields;
    if (!take(message.stream(), fields.stream) || !take(message.writer(), fields.writer) ||
        !take(message.root(), fields.root))
        return fail("bad_bundle", "stream, writer or root of the manifest has another length than it must");
    if (!message.previous().empty() && !take(message.previous(), fields.previous))
        return fail("bad_bundle", "the manifest before it is named by 32 bytes, or none");
    if (message.closing() != (message.sigma_d().size() == 32) || (!message.closing() && !message.sigma_d().empty()))
        return fail("bad_bundle", "a closing manifest, and no other, carries sigma_d");
    fields.first = message.first();
    fields.last = message.last();
    fields.closing = message.closing();
    return fields;
}

}  // namespace

Sealed seal_bundle(const ManifestFields& manifest, const std::optional<Hash>& sigma_d, const std::vector<Bytes>& frames,
                   std::string_view network, const identity::crypto::SigningKey& writer) {
    FS_ASSERT(manifest.closing == sigma_d.has_value());
    schema::Manifest message;
    message.set_stream(base::to_string(manifest.stream));
    message.set_writer(base::to_string(manifest.writer));
    message.set_first(manifest.first);
    message.set_last(manifest.last);
    message.set_root(base::to_string(manifest.root));
    if (manifest.previous != Hash{}) message.set_previous(base::to_string(manifest.previous));
    message.set_closing(manifest.closing);
    if (sigma_d) message.set_sigma_d(base::to_string(*sigma_d));

    schema::Bundle bundle;
    schema::SignedManifest& signed_manifest = *bundle.mutable_manifest();
    signed_manifest.set_manifest(message.SerializeAsString());
    const ByteView bytes = as_bytes(signed_manifest.manifest());
    signed_manifest.set_signature(base::to_string(writer.sign(signing_input(kManifestType, network, bytes))));
    for (const Bytes& frame : frames) bundle.add_frames(frame.data(), frame.size());

    Sealed out;
    out.head = identity::crypto::sha256(bytes);
    out.raw = to_bytes(bundle.SerializeAsString());
    out.manifest = std::move(*bundle.mutable_manifest());
    return out;
}

Result<CheckedBundle> check_bundle(Bytes raw, std::string_view network, const identity::crypto::VerifyingKey& writer) {
    if (raw.size() > replicate::kMaxBundleBytes)
        return fail("too_large", "a bundle of " + std::to_string(raw.size()) + " bytes; at most 2 MiB are taken");
    schema::Bundle bundle;
    if (!bundle.ParseFromArray(raw.data(), static_cast<int>(raw.size())))
        return fail("bad_bundle", "the bundle does not parse");
    const std::string& manifest = bundle.manifest().manifest();
    FS_ASSIGN(const ManifestFields fields, read_manifest(manifest));
    const auto signature = identity::crypto::to_signature(as_bytes(bundle.manifest().signature()));
    if (!signature || !writer.verify(signing_input(kManifestType, network, as_bytes(manifest)), *signature))
        return fail("bad_signature", "the manifest is not signed by the stream's writer");
    std::vector<ByteView> frames;
    for (const std::string& frame : bundle.frames()) frames.push_back(as_bytes(frame));
    FS_TRY(replicate::check_frames(fields, frames));
    CheckedBundle record;
    record.stream = fields.stream;
    record.first = fields.first;
    record.last = fields.last;
    record.previous = fields.previous;
    record.head = identity::crypto::sha256(as_bytes(manifest));
    record.closing = fields.closing;
    record.raw = std::move(raw);
    return record;
}

Result<std::vector<Bytes>> frames_of(ByteView raw) {
    schema::Bundle bundle;
    if (!bundle.ParseFromArray(raw.data(), static_cast<int>(raw.size())))
        return fail("bad_bundle", "the bundle does not parse");
    std::vector<Bytes> out;
    for (const std::string& frame : bundle.frames()) out.push_back(to_bytes(frame));
    return out;
}

}  // namespace fairstream::mqtt_bridge::client
