#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ledger/endorse/simulation.hpp"
#include "ledger/state/overlay.hpp"

namespace fairstream::ledger::endorse {

/// What a simulation found so far, under full keys; shared by all contracts that one transaction calls.
class Effects {
public:
    explicit Effects(const Ground& ground) : ground_(ground) {}

    /// With own writes and deltas; records a read of what is committed, unless this transaction wrote the key.
    Result<std::optional<contract::Entry>> get(const std::string& key);
    Status set(const std::string& key, std::optional<Bytes> value);
    Result<std::vector<contract::Entry>> range(const std::string& start, const std::string& end, std::uint32_t limit);
    Status add(const std::string& key, const proto::Delta& delta);
    Status emit(proto::Event event);
    Status put_private(const std::string& key, ByteView salt, ByteView value);
    /// The value that this transaction put under `key`.
    const proto::PrivateEntry* own_private(const std::string& key) const;

    void require_after(std::uint64_t us);
    void require_before(std::uint64_t us);

    /// What a failed call leaves undone. Reads and guards stay: the failure may be due to them.
    struct Mark {
        state::Overlay written;
        std::vector<proto::Delta> deltas;
        std::vector<proto::Event> events;
        std::map<std::string, proto::PrivateEntry, std::less<>> private_entries;
    };
    Mark mark() const { return changes_; }
    void roll_back(Mark mark) { changes_ = std::move(mark); }

    /// Writes everything down in canonical order.
    Simulation finish() &&;

private:
    Result<std::optional<contract::Entry>> committed(const std::string& key);
    /// Adds this transaction's deltas to `entry`; nothing happens if it made none.
    Status apply_deltas(const std::string& key, std::optional<contract::Entry>& entry) const;
    bool has_deltas(std::string_view key) const;

    const Ground& ground_;
    std::map<std::string, std::optional<contract::Version>, std::less<>> reads_;
    std::vector<proto::RangeRead> ranges_;
    std::uint64_t not_before_us_ = 0;
    std::uint64_t not_after_us_ = 0;
    Mark changes_;
};

}  // namespace fairstream::ledger::endorse
