#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "identity/crypto/custody.hpp"

namespace fairstream::marketplace_dapp::client {

/// What a seller must remember of an upload until the ledger has recorded it. Holds the stream key: the file is 0600
/// and goes when the upload is done.
struct UploadJournal {
    std::string offer;
    std::string grant;
    std::string stream_id;
    std::uint32_t key_epoch = 0;
    std::uint64_t first_sequence = 0;
    Bytes previous_manifest;
    identity::crypto::Hash plaintext_sha256{};
    identity::crypto::custody::StreamKey key;
    bool saved = false;  // this was read from the disk: the key was perhaps dealt
    bool dealt = false;  // the ledger has the dealing of this key

    static std::filesystem::path folder(const std::filesystem::path& state, const std::string& offer);
    /// Nothing if no upload of this offer is under way. Errors: io_error, bad_journal.
    static Result<std::optional<UploadJournal>> load(const std::filesystem::path& folder);
    Status save(const std::filesystem::path& folder) const;
};

}  // namespace fairstream::marketplace_dapp::client
