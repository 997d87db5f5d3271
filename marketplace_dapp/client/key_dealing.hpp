#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "identity/crypto/custody.hpp"
#include "marketplace_dapp/client/actor.hpp"

/// A seller deals the keys of its streams to the custodians, each once, also across crashes.
namespace fairstream::marketplace_dapp::client {

/// `saved` is the key of an attempt before, which perhaps reached the ledger; a new key is given to `save` before it is
/// dealt. Blocking. Errors: key_lost (this epoch was dealt with another key), those of `save`, and of the ledger.
Result<identity::crypto::custody::StreamKey> deal_key(
    Connection& connection, const ledger::client::Identity& seller, const std::string& stream_id,
    std::uint32_t key_epoch, const std::optional<identity::crypto::custody::StreamKey>& saved,
    const std::function<Status(const identity::crypto::custody::StreamKey&)>& save);

/// The keys of one stream on its seller's disk: a file each, mode 0600.
class KeyFolder {
public:
    explicit KeyFolder(std::filesystem::path folder) : folder_(std::move(folder)) {}

    /// Nothing if there is none. Errors: io_error, bad_key_file.
    Result<std::optional<identity::crypto::custody::StreamKey>> find(std::uint32_t key_epoch) const;
    Status save(std::uint32_t key_epoch, const identity::crypto::custody::StreamKey& key) const;
    /// Those below `key_epoch` are not needed any more.
    void forget_before(std::uint32_t key_epoch) const;

private:
    std::filesystem::path file(std::uint32_t key_epoch) const;
    std::filesystem::path folder_;
};

}  // namespace fairstream::marketplace_dapp::client
