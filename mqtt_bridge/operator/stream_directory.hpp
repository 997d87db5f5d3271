#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/net/loop.hpp"
#include "base/net/loop_scope.hpp"
#include "base/pool.hpp"
#include "identity/crypto/keys.hpp"
#include "mqtt_bridge/log/stream_log.hpp"
#include "mqtt_bridge/operator/ledger_port.hpp"

namespace fairstream::mqtt_bridge::storage_operator {

using log::StreamHash;

/// A stream as the ledger knows it.
struct StreamInfo {
    std::string id;
    std::vector<std::string> operators;
    std::uint32_t quorum = 0;
    identity::crypto::VerifyingKey writer;
    TimePoint asked;
};

/// Topics and frames name a stream by its hash; the ledger knows it by its id. The directory learns ids from writers'
/// grants and from other operators, keeps them on disk, and holds what the ledger last said of each stream. On the loop
/// thread; the ledger is asked in the pool.
class StreamDirectory {
public:
    using Answer = std::function<void(const Result<StreamInfo>&)>;
    /// How old what the ledger said may be: as a rule, and where it seems to have changed.
    static constexpr std::chrono::seconds kUsual{60};
    static constexpr std::chrono::seconds kFresh{1};

    /// Reads the ids known from earlier lives. Errors: io_error.
    static Result<std::unique_ptr<StreamDirectory>> open(const std::filesystem::path& file, base::net::Loop& loop,
                                                         base::Pool& pool, LedgerPort& ledger);

    /// What is known now, if anything.
    const StreamInfo* find(const StreamHash& stream) const;
    const std::string* id_of(const StreamHash& stream) const;
    /// Learns an id that somebody claims; it proves itself by its hash. False: nonsense, or too many are known.
    bool learn(const std::string& id);

    /// Asks the ledger, unless that is known and younger than `max_age`. `grant`: where to learn the id, if it is not
    /// known; may be empty. Errors: unknown_stream, busy, and the ledger's.
    void resolve(const StreamHash& stream, const std::string& grant, std::chrono::seconds max_age, Answer answer);

    void close() { scope_.close(); }

private:
    static constexpr std::size_t kMaxStreams = 1'000'000;
    static constexpr std::size_t kMaxIdBytes = 240;
    static constexpr std::size_t kMaxAsking = 1024;

    StreamDirectory(std::filesystem::path file, base::net::Loop& loop, base::Pool& pool, LedgerPort& ledger)
        : file_(std::move(file)), scope_(loop), pool_(pool), ledger_(ledger) {}
    Status load();
    void answered(const StreamHash& stream, const Result<StreamInfo>& info);

    const std::filesystem::path file_;
    base::net::LoopScope scope_;
    base::Pool& pool_;
    LedgerPort& ledger_;
    std::map<StreamHash, std::string> ids_;
    std::map<StreamHash, StreamInfo> infos_;
    std::map<StreamHash, std::vector<Answer>> asking_;
};

}  // namespace fairstream::mqtt_bridge::storage_operator
