#include "ledger/order/evidence.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "base/encoding.hpp"
#include "base/file.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::order {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMaxProofsPerMember = 16;
constexpr std::size_t kMaxMembers = 256;
constexpr std::size_t kMaxProofBytes = 2 * kMaxBodyBytes + 4096;
constexpr std::string_view kSuffix = ".proof";
constexpr std::size_t kMemberDigits = 16;  // a member may be called anything: its part of the name is a hash

Result<Position> place_of(const proto::SignedOrderMessage& vote) {
    FS_ASSIGN(const auto body, proto::decode<proto::OrderMessage>(vote.body()));
    return position_of(body);
}

std::string file_name(const std::string& member, const Position& at) {
    return fmt::format("{}-{}-{}-{}{}", member, at.height, at.round, static_cast<int>(at.step), kSuffix);
}

std::string member_part(std::string_view node) {
    return base::to_hex(identity::crypto::sha256(as_bytes(node))).substr(0, kMemberDigits);
}

Result<DoubleVote> decode_proof(ByteView bytes) {
    if (bytes.size() < 4 || base::read_u32(bytes) > bytes.size() - 4) return fail("malformed", "no proof");
    const auto first = base::read_u32(bytes);
    DoubleVote proof;
    FS_ASSIGN(proof.first, proto::decode<proto::SignedOrderMessage>(bytes.subspan(4, first)));
    const auto rest = bytes.subspan(4 + first);
    if (rest.size() < 4 || base::read_u32(rest) != rest.size() - 4) return fail("malformed", "no proof");
    FS_ASSIGN(proof.second, proto::decode<proto::SignedOrderMessage>(rest.subspan(4)));
    return proof;
}

Result<std::vector<fs::path>> files_in(const fs::path& folder) {
    std::vector<fs::path> out;
    std::error_code wrong;
    for (auto entry = fs::directory_iterator(folder, wrong); !wrong && entry != fs::directory_iterator();
         entry.increment(wrong))
        if (entry->path().extension() == kSuffix) out.push_back(entry->path());
    if (wrong) return fail("io_error", fmt::format("cannot read {}: {}", folder.string(), wrong.message()));
    std::ranges::sort(out);
    return out;
}

}  // namespace

Result<Accusation> check_evidence(const Channel& channel, const DoubleVote& proof) {
    FS_ASSIGN(const auto first, verify_vote(channel, proof.first));
    FS_ASSIGN(const auto second, verify_vote(channel, proof.second));
    if (proof.first.node() != proof.second.node()) return fail("no_evidence", "votes of two different members");
    if (position_of(first) != position_of(second))
        return fail("no_evidence",
                    "votes for " + to_text(position_of(first)) + " and for " + to_text(position_of(second)));
    if (proof.first.body() == proof.second.body()) return fail("no_evidence", "the same vote twice");
    return Accusation{proof.first.node(), position_of(first)};
}

Result<EvidenceStore> EvidenceStore::open(fs::path folder) {
    std::error_code wrong;
    fs::create_directories(folder, wrong);
    if (wrong) return fail("io_error", fmt::format("cannot make {}: {}", folder.string(), wrong.message()));
    EvidenceStore store(std::move(folder));
    FS_ASSIGN(const auto files, files_in(store.folder_));
    for (const auto& file : files) {
        const auto name = file.filename().string();
        store.names_[name.substr(0, kMemberDigits)].insert(name);
    }
    return store;
}

Result<bool> EvidenceStore::keep(const DoubleVote& proof) {
    FS_ASSIGN(const auto at, place_of(proof.first));
    const auto member = member_part(proof.first.node());
    if (!names_.contains(member) && names_.size() >= kMaxMembers) return false;
    auto& known = names_[member];
    const auto name = file_name(member, at);
    if (known.contains(name) || known.size() >= kMaxProofsPerMember) return false;
    FS_TRY(base::write_file(folder_ / name,
                            base::lp(ByteView(proto::encode(proof.first)), ByteView(proto::encode(proof.second)))));
    known.insert(name);
    return true;
}

Result<std::vector<DoubleVote>> EvidenceStore::read(const fs::path& folder) {
    std::vector<DoubleVote> out;
    if (std::error_code wrong; !fs::exists(folder, wrong)) return out;
    FS_ASSIGN(const auto files, files_in(folder));
    for (const auto& file : files) {
        const auto bytes = base::read_file(file, kMaxProofBytes);
        if (!bytes) continue;
        if (auto proof = decode_proof(*bytes)) out.push_back(std::move(*proof));
    }
    return out;
}

}  // namespace fairstream::ledger::order
