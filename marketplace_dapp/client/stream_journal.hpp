#pragma once

#include <filesystem>
#include <optional>

#include "marketplace_dapp/client/batch_record.hpp"

namespace fairstream::marketplace_dapp::client {

/// What a seller must remember of a streaming session until all of it is recorded: its token. Keys lie beside it
/// (KeyFolder), frames in the spool.
struct StreamJournal {
    UploadToken token;

    static std::filesystem::path folder(const std::filesystem::path& state, const std::string& offer);
    /// Nothing if no session is under way. Errors: io_error, bad_config.
    static Result<std::optional<StreamJournal>> load(const std::filesystem::path& folder);
    Status save(const std::filesystem::path& folder) const;
    /// The session is over. Its keys stay: one may have been dealt ahead.
    static void clear(const std::filesystem::path& folder);

    static std::filesystem::path spool(const std::filesystem::path& folder) { return folder / "spool"; }
    static std::filesystem::path keys(const std::filesystem::path& folder) { return folder / "keys"; }
};

}  // namespace fairstream::marketplace_dapp::client
