#pragma once

#include <filesystem>
#include <map>
#include <span>

#include "base/file.hpp"
#include "identity/crypto/merkle.hpp"
#include "mqtt_bridge/client/served_ranges.hpp"

namespace fairstream::marketplace_dapp::client {

/// How far a buyer has read one purchase of time, on its disk: the next number, who served what, and enough to check
/// each batch's Merkle root once that is recorded. `entries` has a checksummed record per frame; what a checked batch
/// leaves of it is folded into `base.yaml`. A reader that is killed goes on where it was.
class ReadLog {
public:
    struct Entry {
        std::uint64_t sequence = 0;
        std::uint32_t key_epoch = 0;
        std::uint32_t operator_index = 0;  // in `operators`
        std::uint64_t output_bytes = 0;    // of the output, with this one's reading
        identity::crypto::Hash leaf{};     // merkle_leaf of the frame
    };

    /// `operators`: names, in an order that never changes. Errors: io_error, bad_config, bad_ranges, in_use.
    static Result<ReadLog> open(const std::filesystem::path& folder, std::vector<std::string> operators);

    /// Durable against the process's death when it returns. Entries ascend. Error: io_error.
    Status add(std::span<const Entry> entries);

    /// The number after the last one; 0: nothing was read.
    std::uint64_t next_sequence() const { return last_ == 0 ? 0 : last_ + 1; }
    std::uint64_t output_bytes() const { return output_bytes_; }
    const mqtt_bridge::client::ServedRanges& served() const { return served_; }

    /// What was read of one key epoch.
    struct Epoch {
        std::uint64_t first = 0;
        std::uint64_t last = 0;
        std::uint64_t output_bytes = 0;  // of the output, with its last reading
        std::uint64_t file_bytes = 0;    // of `entries`, with its last record
        identity::crypto::MerkleAccumulator leaves;
        bool whole() const { return leaves.count() == last - first + 1; }  // none in between is missing
    };
    /// Epochs whose batch was not checked yet, by number.
    const std::map<std::uint32_t, Epoch>& epochs() const { return epochs_; }
    /// The batch of this epoch is checked, and so are those before. Error: io_error.
    Status checked(std::uint32_t key_epoch);

private:
    ReadLog() = default;
    Status load_base();
    Status load_entries();
    Status drop_entries(std::uint64_t bytes);
    void take(const Entry& entry, std::uint64_t file_bytes);

    std::filesystem::path folder_;
    std::vector<std::string> operators_;
    base::FileDescriptor lock_;
    base::FileDescriptor file_;
    std::uint64_t file_bytes_ = 0;
    mqtt_bridge::client::ServedRanges served_;
    std::uint64_t last_ = 0;
    std::uint64_t output_bytes_ = 0;
    std::map<std::uint32_t, Epoch> epochs_;
};

}  // namespace fairstream::marketplace_dapp::client
