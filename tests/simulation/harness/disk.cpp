#include "tests/simulation/harness/disk.hpp"

#include <fstream>
#include <stdexcept>

#include "base/file.hpp"

namespace fairstream::tests::simulation {

namespace {

constexpr std::uint64_t kCutAbove = 4096;  // small, so that logs are cut in short runs
constexpr std::size_t kGuardSlot = 512;

/// Without the care that base::write_file takes: the disk is the test's.
void put(const std::filesystem::path& file, const Bytes& bytes) {
    std::ofstream out(file, std::ios::binary | std::ios::trunc);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    if (!out) throw std::runtime_error("cannot write " + file.string());
}

Bytes get(const std::filesystem::path& file) {
    auto bytes = base::read_file(file);
    return bytes ? std::move(*bytes) : Bytes{};
}

}  // namespace

const char* name_of(VoteCrash crash) {
    constexpr const char* kNames[kVoteCrashes] = {"before the append", "in a torn append", "in a zeroed append",
                                                  "after the append",  "in a torn guard",  "after the guard"};
    return kNames[static_cast<int>(crash)];
}

Disk::Disk(const std::filesystem::path& folder, const std::string& node)
    : paths_{folder / (node + ".votes"), folder / (node + ".guard"), kCutAbove} {}

Result<ledger::order::Recovered> Disk::open(std::uint64_t decided_height, bool forgetful) {
    FS_ASSIGN(auto opened, ledger::order::VoteLog::open(paths_, decided_height, forgetful));
    log_ = std::move(opened.log);
    return std::move(opened.recovered);
}

void Disk::crash_while_appending(std::span<const Bytes> records, VoteCrash crash, Scheduler& chance) {
    if (crash == VoteCrash::kBeforeAppend) return close();
    const auto before = image();
    if (auto appended = append(records); !appended) throw std::runtime_error(appended.error().message);
    close();
    auto after = image();
    if (crash != VoteCrash::kAfterGuard && crash != VoteCrash::kTornGuard) put(paths_.guard, before.guard);
    if (crash == VoteCrash::kTornGuard) {
        for (std::size_t slot = 0; slot + kGuardSlot <= after.guard.size(); slot += kGuardSlot)
            if (!std::equal(after.guard.begin() + static_cast<std::ptrdiff_t>(slot),
                            after.guard.begin() + static_cast<std::ptrdiff_t>(slot + kGuardSlot),
                            before.guard.begin() + static_cast<std::ptrdiff_t>(slot)))
                after.guard[slot + 9] ^= 0x55;
        put(paths_.guard, after.guard);
    }
    const auto start = std::min(before.log.size(), after.log.size());
    if (crash == VoteCrash::kTornAppend) {
        after.log.resize(start + chance.draw(after.log.size() - start));
        put(paths_.log, after.log);
    }
    if (crash == VoteCrash::kZeroedAppend) {
        std::fill(after.log.begin() + static_cast<std::ptrdiff_t>(start), after.log.end(), std::uint8_t{0});
        put(paths_.log, after.log);
    }
}

Disk::Image Disk::image() const {
    return {get(paths_.log), get(paths_.guard)};
}

void Disk::restore(const Image& image, bool with_guard) {
    put(paths_.log, image.log);
    if (with_guard) put(paths_.guard, image.guard);
}

void Disk::wipe() {
    std::filesystem::remove(paths_.log);
    std::filesystem::remove(paths_.guard);
}

}  // namespace fairstream::tests::simulation
