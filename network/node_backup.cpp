#include "network/node_backup.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <vector>

#include "base/encoding.hpp"
#include "base/file.hpp"
#include "identity/crypto/hash.hpp"
#include "ledger/blocks/walk.hpp"

namespace fairstream::network {

namespace fs = std::filesystem;

namespace {

constexpr std::array kKept = {"blocks", "state", "private", "snapshots", "custodian.yaml"};
constexpr std::size_t kMaxManifestBytes = 16u << 20;
constexpr std::size_t kMaxFileBytes = 1u << 30;

struct Entry {
    std::string file;  // below the data folder
    std::string hash;  // hex
};

std::string guard_of(const NodeProgramConfig& config) {
    return (config.node.guard_file.empty() ? config.node.data_folder / "votes.guard" : config.node.guard_file).string();
}

/// The vote log is locked by a node that runs.
Status check_stopped(const NodeProgramConfig& config) {
    const base::FileDescriptor log(::open((config.node.data_folder / "votes.log").c_str(), O_RDONLY | O_CLOEXEC));
    if (!log || ::flock(log.get(), LOCK_EX | LOCK_NB) == 0) return {};
    return fail("in_use", config.node.name + " is running: stop it first; the other nodes go on");
}

Status check_empty(const fs::path& folder) {
    std::error_code error;
    if (!fs::exists(folder, error) || fs::is_empty(folder, error)) return {};
    return fail("exists", folder.string() + " is not empty");
}

std::vector<std::string> files_below(const fs::path& folder) {
    std::vector<std::string> files;
    for (const auto* name : kKept) {
        const auto path = folder / name;
        if (fs::is_regular_file(path)) files.emplace_back(name);
        if (!fs::is_directory(path)) continue;
        for (const auto& entry : fs::recursive_directory_iterator(path))
            if (entry.is_regular_file() && entry.path().filename() != "LOCK")
                files.push_back(fs::relative(entry.path(), folder).string());
    }
    std::ranges::sort(files);
    return files;
}

/// Answers the file's hash in hex.
Result<std::string> copy_file(const fs::path& from, const fs::path& to, BackupSummary& summary) {
    FS_ASSIGN(const auto contents, base::read_file(from, kMaxFileBytes));
    std::error_code error;
    fs::create_directories(to.parent_path(), error);
    if (error) return fail("io_error", "cannot make " + to.parent_path().string() + ": " + error.message());
    FS_TRY(base::write_file(to, contents, 0600));
    ++summary.files;
    summary.bytes += contents.size();
    return base::to_hex(identity::crypto::sha256(contents));
}

Result<std::uint64_t> height_of(const fs::path& data) {
    const auto walked = ledger::blocks::walk(data / "blocks", [](auto, const auto&) { return Status{}; });
    if (!walked) return fail(walked.error());
    return walked->last;
}

struct Manifest {
    std::string node;
    std::string key;  // hex: what the node voted with
    std::vector<Entry> entries;
};

std::string to_text(const Manifest& manifest) {
    auto text = fmt::format("# node {}\n# key {}\n", manifest.node, manifest.key);
    for (const auto& entry : manifest.entries) text += entry.hash + "  " + entry.file + "\n";
    return text;
}

Result<Manifest> read_manifest(const fs::path& folder) {
    FS_ASSIGN(const auto bytes, base::read_file(folder / kBackupManifest, kMaxManifestBytes));
    std::istringstream lines(base::to_string(bytes));
    Manifest manifest;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("# node ")) {
            manifest.node = line.substr(7);
        } else if (line.starts_with("# key ")) {
            manifest.key = line.substr(6);
        } else {
            const auto gap = line.find("  ");
            const fs::path file = gap == std::string::npos ? "" : line.substr(gap + 2);
            if (file.empty() || file.is_absolute() || file.lexically_normal().string().starts_with(".."))
                return fail("damaged",
                            (folder / kBackupManifest).string() + ": not a line of a manifest: " + line.substr(0, 80));
            manifest.entries.push_back({file.string(), line.substr(0, gap)});
        }
    }
    if (manifest.node.empty() || manifest.key.empty())
        return fail("damaged", (folder / kBackupManifest).string() + " does not say whose backup this is");
    return manifest;
}

std::string key_of(const NodeProgramConfig& config) {
    return base::to_hex(config.node.key.public_key().compressed());
}

}  // namespace

Result<BackupSummary> back_up(const NodeProgramConfig& config, const fs::path& to) {
    const auto& data = config.node.data_folder;
    if (!fs::exists(data)) return fail("not_found", "no folder " + data.string());
    FS_TRY(check_stopped(config));
    FS_TRY(check_empty(to));
    BackupSummary summary;
    FS_ASSIGN(summary.height, height_of(data));
    Manifest manifest{.node = config.node.name, .key = key_of(config), .entries = {}};
    for (const auto& file : files_below(data)) {
        FS_ASSIGN(auto hash, copy_file(data / file, to / file, summary));
        manifest.entries.push_back({file, std::move(hash)});
    }
    FS_TRY(base::write_file(to / kBackupManifest, as_bytes(to_text(manifest)), 0600));  // last: the backup is whole
    return summary;
}

Result<BackupSummary> restore(const NodeProgramConfig& config, const fs::path& from) {
    FS_ASSIGN(const auto manifest, read_manifest(from));
    if (manifest.node != config.node.name)
        return fail("wrong_node", from.string() + " is a backup of " + manifest.node + ", not of " + config.node.name);
    if (manifest.key == key_of(config))
        return fail("old_key", "the key of " + config.node.name +
                                   " has voted, and the backup cannot say how often: make a "
                                   "new key and certificate, and have the consortium replace its entry");
    FS_TRY(check_empty(config.node.data_folder));
    if (fs::exists(guard_of(config)))
        return fail("exists", guard_of(config) + " belongs to the old key: remove it together with that key");
    for (const auto& entry : manifest.entries) {
        FS_ASSIGN(const auto contents, base::read_file(from / entry.file, kMaxFileBytes));
        if (base::to_hex(identity::crypto::sha256(contents)) != entry.hash)
            return fail("damaged", (from / entry.file).string() + " is not as the manifest says");
    }
    BackupSummary summary;
    for (const auto& entry : manifest.entries)
        FS_TRY(copy_file(from / entry.file, config.node.data_folder / entry.file, summary));
    FS_ASSIGN(summary.height, height_of(config.node.data_folder));
    return summary;
}

}  // namespace fairstream::network
