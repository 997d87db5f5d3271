#include "ledger/order/guard.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "base/crash_point.hpp"
#include "identity/crypto/hash.hpp"
#include "ledger/order/planted.hpp"

namespace fairstream::ledger::order {

namespace fs = std::filesystem;

namespace {

// Slot: "FSGUARD1", u64 writes, u64 height, u32 round, u8 step, the first 16 bytes of SHA-256 over all that.
constexpr std::string_view kMagic = "FSGUARD1";
constexpr std::size_t kCoveredBytes = 8 + 8 + 8 + 4 + 1;
constexpr std::size_t kSumBytes = 16;
constexpr std::uint64_t kSlotBytes = 512;

struct SlotContents {
    std::uint64_t writes = 0;
    Position position;
};

Bytes encode_slot(const SlotContents& slot) {
    Bytes out = to_bytes(kMagic);
    base::append_u64(out, slot.writes);
    base::append_u64(out, slot.position.height);
    base::append_u32(out, slot.position.round);
    out.push_back(static_cast<std::uint8_t>(slot.position.step));
    append(out, ByteView(identity::crypto::sha256(out)).first(kSumBytes));
    out.resize(kSlotBytes);
    return out;
}

std::optional<SlotContents> decode_slot(ByteView bytes) {
    if (bytes.size() < kSlotBytes || as_text(bytes.first(kMagic.size())) != kMagic) return std::nullopt;
    const auto sum = identity::crypto::sha256(bytes.first(kCoveredBytes));
    if (!base::equal_constant_time(ByteView(sum).first(kSumBytes), bytes.subspan(kCoveredBytes, kSumBytes)))
        return std::nullopt;
    const auto step = bytes[kCoveredBytes - 1];
    if (step > static_cast<std::uint8_t>(Step::kCommit)) return std::nullopt;
    return SlotContents{
        .writes = base::read_u64(bytes.subspan(8)),
        .position = {base::read_u64(bytes.subspan(16)), base::read_u32(bytes.subspan(24)), static_cast<Step>(step)}};
}

Result<base::FileDescriptor> open_locked(const fs::path& file, int flags) {
    base::FileDescriptor opened(::open(file.c_str(), O_RDWR | O_CLOEXEC | flags, 0600));
    if (!opened && errno == ENOENT) return fail("not_found", "no vote guard " + file.string());
    if (!opened && errno == EEXIST) return fail("exists", file.string() + " is there already");
    if (!opened) return fail("io_error", fmt::format("cannot open {}: {}", file.string(), std::strerror(errno)));
    if (::flock(opened.get(), LOCK_EX | LOCK_NB) != 0)
        return fail("in_use", file.string() + " is in use: another process votes with this key");
    return opened;
}

}  // namespace

Result<Guard> Guard::open(const fs::path& file) {
    FS_ASSIGN(auto opened, open_locked(file, 0));
    auto bytes = base::read_exact(opened.get(), 2 * kSlotBytes, 0);
    if (!bytes) return fail("damaged", fmt::format("{} at byte 0: {}", file.string(), bytes.error().message));
    const auto first = decode_slot(ByteView(*bytes).first(kSlotBytes));
    const auto second = decode_slot(ByteView(*bytes).subspan(kSlotBytes));
    if (!first && !second) return fail("damaged", file.string() + " at byte 0: neither of its two slots is whole");
    const auto& newest = !second || (first && first->writes > second->writes) ? *first : *second;
    return Guard(std::move(opened), newest.writes, newest.position);
}

Result<Position> Guard::read(const fs::path& file) {
    FS_ASSIGN(const auto bytes, base::read_file(file, 2 * kSlotBytes));
    if (bytes.size() != 2 * kSlotBytes) return fail("damaged", file.string() + " at byte 0: too short");
    const auto first = decode_slot(ByteView(bytes).first(kSlotBytes));
    const auto second = decode_slot(ByteView(bytes).subspan(kSlotBytes));
    if (!first && !second) return fail("damaged", file.string() + " at byte 0: neither of its two slots is whole");
    return (!second || (first && first->writes > second->writes) ? *first : *second).position;
}

/// Written whole under another name first: a crash leaves no guard or a good one.
Result<Guard> Guard::create(const fs::path& file) {
    auto fresh = file;
    fresh += ".new";
    if (fs::exists(file)) return fail("exists", file.string() + " is there already");
    ::unlink(fresh.c_str());  // of a creation that crashed
    FS_ASSIGN(auto opened, open_locked(fresh, O_CREAT | O_EXCL));
    Guard guard(std::move(opened), 0, Position{});
    FS_TRY(guard.write());
    FS_TRY(guard.write());  // both slots whole from the start
    base::crash_point("guard.before_name");
    if (::link(fresh.c_str(), file.c_str()) != 0)  // never replaces one
        return fail(errno == EEXIST ? "exists" : "io_error",
                    fmt::format("cannot make {}: {}", file.string(), std::strerror(errno)));
    base::crash_point("guard.after_name");
    ::unlink(fresh.c_str());
    FS_TRY(base::sync_folder(file.parent_path()));
    return guard;
}

Status Guard::check(const Position& to) const {
    if (to > position_) return {};
    return fail("vote_regression", "a vote of " + to_text(to) + ", but this key has voted in " + to_text(position_));
}

Status Guard::advance(const Position& to) {
    FS_TRY(check(to));
    if (planted(Bug::kNoGuard)) return {};
    position_ = to;
    return write();
}

Status Guard::write() {
    ++writes_;
    const auto slot = encode_slot({.writes = writes_, .position = position_});
    base::crash_point("guard.before_write");
    FS_TRY(base::write_all(file_.get(), slot, (writes_ % 2) * kSlotBytes));
    base::crash_point("guard.before_sync");
    if (::fdatasync(file_.get()) != 0)
        return fail("io_error", fmt::format("cannot sync the vote guard: {}", std::strerror(errno)));
    return {};
}

}  // namespace fairstream::ledger::order
