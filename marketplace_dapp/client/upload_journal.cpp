#include "marketplace_dapp/client/upload_journal.hpp"

#include <fmt/format.h>

#include "base/config.hpp"
#include "base/encoding.hpp"
#include "base/file.hpp"

namespace fairstream::marketplace_dapp::client {

namespace fs = std::filesystem;

namespace {

Result<identity::crypto::Hash> hash_from_hex(const std::string& text) {
    FS_ASSIGN(const auto bytes, base::from_hex(text));
    return identity::crypto::to_hash(bytes);
}

}  // namespace

fs::path UploadJournal::folder(const fs::path& state, const std::string& offer) {
    return state / "uploads" / offer;
}

Result<std::optional<UploadJournal>> UploadJournal::load(const fs::path& folder) {
    auto config = base::Config::load(folder / "journal.yaml");
    if (!config && config.error().code == "not_found") return std::optional<UploadJournal>{};
    if (!config) return fail(config.error());
    UploadJournal journal;
    journal.offer = config->text("offer", 64);
    journal.grant = config->text("grant", 64);
    journal.stream_id = config->text("stream_id", 1024);
    journal.key_epoch = static_cast<std::uint32_t>(config->integer("key_epoch", 1, UINT32_MAX));
    journal.first_sequence = config->integer("first_sequence", 1, INT64_MAX);
    journal.dealt = config->flag_or("dealt", false);
    const auto previous = config->optional_text("previous_manifest", 64).value_or("");
    const auto sha256 = config->text("plaintext_sha256", 64);
    const auto key = config->text("key", 64);
    FS_TRY(config->finish());
    FS_ASSIGN(journal.previous_manifest, base::from_hex(previous));
    FS_ASSIGN(journal.plaintext_sha256, hash_from_hex(sha256));
    FS_ASSIGN(journal.key.key, hash_from_hex(key));
    journal.saved = true;
    return std::optional<UploadJournal>{std::move(journal)};
}

Status UploadJournal::save(const fs::path& folder) const {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) return fail("io_error", "cannot make " + folder.string() + ": " + error.message());
    fs::permissions(folder, fs::perms::owner_all, error);
    const auto text = fmt::format(
        "# An upload under way; holds the stream's key. Removed when the ledger has recorded the batch.\n"
        "offer: \"{}\"\ngrant: \"{}\"\nstream_id: \"{}\"\nkey_epoch: {}\nfirst_sequence: {}\ndealt: {}\n"
        "previous_manifest: \"{}\"\nplaintext_sha256: \"{}\"\nkey: \"{}\"\n",
        offer, grant, stream_id, key_epoch, first_sequence, dealt, base::to_hex(previous_manifest),
        base::to_hex(plaintext_sha256), base::to_hex(key.key));
    return base::write_file(folder / "journal.yaml", as_bytes(text), 0600);
}

}  // namespace fairstream::marketplace_dapp::client
