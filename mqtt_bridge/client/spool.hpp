#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <optional>

#include "base/file.hpp"
#include "identity/crypto/merkle.hpp"
#include "mqtt_bridge/client/bundle.hpp"

namespace fairstream::mqtt_bridge::client {

/// The bundles of one batch on the writer's disk, until a quorum of operators has signed for them. `journal` has a
/// checksummed record per bundle (range, head, sizes, leaf hashes of its frames) and outlives the bundles' own files,
/// so that an interrupted writer knows its place and the batch's Merkle root; `stored` has the number up to which a
/// quorum holds it, as far as is known.
class Spool {
public:
    struct Entry {
        std::uint64_t first = 0;
        std::uint64_t last = 0;
        Hash head{};
        std::uint64_t plaintext_bytes = 0;
        bool closing = false;
        std::size_t bytes = 0;            // of the bundle; 0 once its file is gone
        std::uint64_t first_time_us = 0;  // of its frames
        std::uint64_t last_time_us = 0;
    };

    /// `identity` names what is written (network, grant, stream, where it begins): a spool of something else is
    /// refused. `keep`: bundles' files stay until the batch is closed, though a quorum holds them.
    /// Errors: io_error, spool_damaged, wrong_spool, in_use.
    static Result<Spool> open(const std::filesystem::path& folder, const Hash& identity, std::uint64_t first_sequence,
                              const Hash& previous, bool keep = false);

    /// Durable when it returns. Errors: io_error.
    Status add(const ManifestFields& manifest, const Sealed& sealed, const std::vector<Bytes>& frames);
    Result<Bytes> bundle(const Entry& entry) const;
    /// A quorum holds everything up to `through`: the files go, except the closing one, whose manifest is still needed.
    void stored(std::uint64_t through);
    /// The plaintexts of what is in here, in order. Precondition: opened with `keep`. Errors: io_error, bad_tag.
    Status read_back(ByteView encryption_subkey, const std::function<void(ByteView)>& take) const;

    const std::vector<Entry>& entries() const { return entries_; }
    /// The first entry not stored by a quorum; entries().size() if there is none.
    std::size_t first_unstored() const { return unstored_; }
    std::uint64_t first_sequence() const { return first_; }
    std::uint64_t next_sequence() const { return next_; }
    std::uint64_t last_time_us() const { return entries_.empty() ? 0 : entries_.back().last_time_us; }
    const Hash& head() const { return head_; }
    std::uint64_t plaintext_bytes() const { return plaintext_bytes_; }
    std::uint64_t frames() const { return leaves_.count(); }
    std::size_t waiting_bytes() const { return waiting_bytes_; }
    bool closed() const { return !entries_.empty() && entries_.back().closing; }
    Hash merkle_root() const { return leaves_.root(); }

private:
    Spool() = default;
    Status load();
    bool load_record(ByteView body);  // false: it does not follow the ones before
    void take(const Entry& entry);
    void drop_files();
    std::filesystem::path path(std::uint64_t first) const;

    std::filesystem::path folder_;
    Hash identity_{};
    bool keep_ = false;
    std::uint64_t first_ = 1;
    base::FileDescriptor stored_;
    base::FileDescriptor journal_;
    std::uint64_t journal_bytes_ = 0;
    std::vector<Entry> entries_;
    std::size_t unstored_ = 0;
    std::uint64_t next_ = 1;
    Hash head_{};
    std::uint64_t plaintext_bytes_ = 0;
    std::size_t waiting_bytes_ = 0;
    identity::crypto::MerkleAccumulator leaves_;
};

}  // namespace fairstream::mqtt_bridge::client
