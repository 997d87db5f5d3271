#pragma once

#include <map>
#include <span>
#include <vector>

#include "mqtt_bridge/log/stream_log.hpp"

namespace fairstream::mqtt_bridge::log {

/// Where each bundle lies and how far each stream goes, in memory. It decides what continues a stream, so every
/// implementation of the log decides alike. Not thread-safe.
class Index {
public:
    struct Place {
        std::uint32_t segment = 0;
        std::uint64_t offset = 0;  // of the raw bundle
        std::uint32_t size = 0;
    };
    struct Entry {
        std::uint64_t first = 0;
        std::uint64_t last = 0;
        Hash head{};
        Place place;
    };

    Outcome judge(const Record& record) const;
    /// Precondition: judge(record) is kAppended.
    void add(const Record& record, Place place);
    /// Forgets whole bundles that end at or before `through`; returns where the stream now begins.
    Position remove(const StreamHash& stream, std::uint64_t through);
    /// At open: what was removed in earlier lives. Precondition: nothing of the stream was added yet.
    void begin_after(const StreamHash& stream, Position removed);

    /// Streams of which something was removed, and where they now begin.
    std::vector<std::pair<StreamHash, Position>> removed() const;
    Position mark(const StreamHash& stream) const;
    std::vector<std::pair<StreamHash, Position>> marks() const;
    /// The entries from the one that holds `from` on; empty if there is none.
    std::span<const Entry> from(const StreamHash& stream, std::uint64_t from) const;
    /// The manifest head that the entry which begins at `first` chains to. Precondition: there is such an entry.
    Hash head_before(const StreamHash& stream, std::uint64_t first) const;
    bool is_removed(const StreamHash& stream, std::uint64_t sequence) const;
    /// How many bundles are still wanted in `segment`.
    std::size_t live_in(std::uint32_t segment) const;

private:
    struct Stream {
        Position position;
        Position removed;            // bundles up to here are gone
        std::vector<Entry> entries;  // ascending, without gaps
    };
    std::map<StreamHash, Stream> streams_;
    std::map<std::uint32_t, std::size_t> live_;
};

}  // namespace fairstream::mqtt_bridge::log
