#pragma once

#include <optional>
#include <vector>

#include "chaincode/schema/security_manager.pb.h"
#include "identity/crypto/keys.hpp"
#include "mqtt_bridge/replicate/check.hpp"

/// A bundle as it travels: the writer's signed manifest and the frames it covers.
namespace fairstream::mqtt_bridge::client {

using identity::crypto::Hash;
using replicate::ManifestFields;

struct Sealed {
    Bytes raw;  // Bundle
    Hash head{};
    chaincode::schema::SignedManifest manifest;
};

/// Signs the manifest of `frames` and puts both together. `sigma_d` closes the batch.
Sealed seal_bundle(const ManifestFields& manifest, const std::optional<Hash>& sigma_d, const std::vector<Bytes>& frames,
                   std::string_view network, const identity::crypto::SigningKey& writer);

/// A bundle whose manifest and frames are right.
struct CheckedBundle : log::Record {
    bool closing = false;  // it ends a batch
};

/// Everything about a bundle from outside: its size, the writer's signature over the manifest, and the frames under it
/// (replicate::check_frames). Errors: too_large, bad_bundle, bad_signature, and those of check_frames.
Result<CheckedBundle> check_bundle(Bytes raw, std::string_view network, const identity::crypto::VerifyingKey& writer);

/// The frames of a bundle that has been checked, in order. Error: bad_bundle.
Result<std::vector<Bytes>> frames_of(ByteView raw);

}  // namespace fairstream::mqtt_bridge::client
