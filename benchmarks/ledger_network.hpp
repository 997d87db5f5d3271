#pragma once

#include <filesystem>
#include <vector>

#include "ledger/client/client.hpp"
#include "network/process.hpp"
#include "network/topology.hpp"

namespace fairstream::benchmarks {

/// A ledger network of its own for a measurement: one node per organisation, each a process with the settings that
/// `fairstream network up` gives it (TLS, limits, synced writes), on loopback. Ends with this object, folder and all.
class LedgerNetwork {
public:
    /// What the state begins with: keys 0 to count - 1 of the benchmark's contract.
    struct Preload {
        std::uint64_t keys = 0;
        std::size_t value_bytes = 0;
    };
    /// Provisions in a new folder below `parent` (empty: the system's temporary folder). Errors: io_error,
    /// no_free_ports.
    static Result<std::unique_ptr<LedgerNetwork>> make(const std::filesystem::path& parent, std::uint32_t nodes,
                                                       const Preload& preload);
    ~LedgerNetwork();
    LedgerNetwork(const LedgerNetwork&) = delete;
    LedgerNetwork& operator=(const LedgerNetwork&) = delete;

    /// Starts every node; from the main thread, since they die with the thread that started them.
    Status start();
    /// Ends them; then verifications() is known. Error: node_died, with the end of its log.
    Status stop();

    std::size_t size() const { return layout_.nodes.size(); }
    /// How to reach node `index` alone.
    ledger::client::Options gateway(std::size_t index) const;

    /// Of all nodes together since they were started: user and system time.
    std::chrono::microseconds cpu_time() const;
    /// The largest resident set that any node has had so far.
    std::size_t rss_bytes_max() const;
    /// What the nodes' data take on the disk, the largest of them.
    std::size_t disk_bytes_max() const;
    /// Signatures that all nodes have verified. Precondition: stopped.
    Result<std::uint64_t> verifications() const;

private:
    LedgerNetwork(network::Layout layout, std::string roots) : layout_(std::move(layout)), roots_(std::move(roots)) {}

    Status preload(const Preload& what);

    network::Layout layout_;
    std::string roots_;
    std::vector<network::Child> children_;
};

}  // namespace fairstream::benchmarks
