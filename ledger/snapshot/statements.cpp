#include "ledger/snapshot/statements.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "ledger/contract/functions.hpp"
#include "ledger/contract/keys.hpp"
#include "ledger/proto/wire.hpp"
#include "ledger/receipt/receipt.hpp"

namespace fairstream::ledger::snapshot {

namespace {

constexpr std::uint32_t kMaxOrganisations = 64;

std::string key_prefix(std::uint64_t height) {
    return fmt::format("{:020}/", height);
}

/// A statement's reply says nothing.
Result<proto::SnapshotStatement> state_hash(contract::Context& context, const proto::SnapshotStatement& statement) {
    const auto& caller = context.caller();
    if (!caller.member || caller.member->role != identity::msp::Role::kNode || !caller.contract.empty())
        return fail("unauthorized", "only a member's node states the hash of a snapshot");
    if (statement.height() == 0 || statement.hash().size() != Hash{}.size())
        return fail("bad_arguments", "a statement names a height above 0 and a hash of 32 bytes");
    if (auto decided = context.block_hash(statement.height()); !decided) return fail(std::move(decided).error());
    const auto key = key_prefix(statement.height()) + caller.member->org;
    FS_ASSIGN(const auto before, context.get(key));
    if (!before) {
        FS_TRY(context.put(key, as_bytes(statement.hash())));
    } else if (as_text(before->value) != statement.hash()) {
        return fail("contradiction", caller.member->org + " has stated another hash for this height");
    }
    return proto::SnapshotStatement{};
}

/// What a receipt shows: this organisation's node stated this snapshot's hash.
Result<std::string> organisation_of(const receipt::Proven& proven, const Kept& snapshot) {
    const auto& proposal = proven.proposal;
    if (proven.outcome.code() != proto::VALID || proposal.contract() != kContract ||
        proposal.function() != kStateFunction)
        return fail("not_agreed", "a receipt that is of no valid statement");
    FS_ASSIGN(const auto statement, proto::decode<proto::SnapshotStatement>(proposal.arguments()));
    if (statement.height() != snapshot.height || statement.hash() != as_text(snapshot.name))
        return fail("not_agreed", "a receipt of a statement about another snapshot");
    FS_ASSIGN(auto member, proven.channel->organisations().verify(as_bytes(proposal.creator().certificate()),
                                                                  base::from_us(proven.time_us)));
    return std::move(member.org);
}

}  // namespace

std::shared_ptr<const contract::Contract> make_contract() {
    contract::Functions functions;
    functions.add(std::string(kStateFunction), &state_hash);
    return std::make_shared<contract::TableContract>(std::string(kContract), std::move(functions));
}

Result<std::vector<Statement>> statements(const state::Snapshot& state, std::uint64_t height) {
    const auto prefix = contract::full_key(kContract, key_prefix(height));
    auto end = prefix;
    ++end.back();
    FS_ASSIGN(const auto entries, state.range(prefix, end, kMaxOrganisations));
    std::vector<Statement> out;
    for (const auto& entry : entries) {
        FS_ASSIGN(const auto hash, identity::crypto::to_hash(entry.value));
        out.push_back({.organisation = entry.key.substr(prefix.size()), .hash = hash, .at = entry.version});
    }
    return out;
}

std::optional<Hash> agreed_on(const std::vector<Statement>& statements, const contract::Channel& channel) {
    std::map<Hash, std::size_t> counts;
    for (const auto& entry : channel.roster()) {
        const auto found = std::ranges::find(statements, entry.organisation, &Statement::organisation);
        if (found != statements.end()) ++counts[found->hash];
    }
    for (const auto& [hash, count] : counts)
        if (count >= channel.approvals_needed()) return hash;
    return std::nullopt;
}

Result<proto::SnapshotOffer> make_offer(const Kept& snapshot, const contract::Channel& channel,
                                        const blocks::BlockStore& blocks, const state::Snapshot& state) {
    proto::SnapshotOffer offer;
    offer.set_manifest(proto::as_field(snapshot.manifest));
    if (snapshot.height == 0) return offer;
    FS_ASSIGN(const auto stated, statements(state, snapshot.height));
    if (agreed_on(stated, channel) != snapshot.name)
        return fail("not_found", fmt::format("the snapshot of height {} is not agreed on", snapshot.height));
    for (const auto& statement : stated) {
        if (statement.hash != snapshot.name) continue;
        FS_ASSIGN(const auto receipt, receipt::make_receipt_at(blocks, state, statement.at));
        offer.add_receipts(receipt.SerializeAsString());
    }
    return offer;
}

Result<Kept> check_offer(const proto::SnapshotOffer& offer, const std::shared_ptr<const contract::Channel>& genesis) {
    FS_ASSIGN(const auto manifest, parse_manifest(as_bytes(offer.manifest())));
    if (manifest.channel() != genesis->name())
        return fail("wrong_channel", "the snapshot is of channel " + manifest.channel());
    Kept snapshot{.height = manifest.height(), .name = name_of(as_bytes(offer.manifest())), .manifest = {}};
    snapshot.manifest = to_bytes(std::string_view(offer.manifest()));
    if (snapshot.height == 0) {
        if (as_text(snapshot.name) == genesis->config().genesis_snapshot()) return snapshot;
        return fail("not_agreed", "the genesis config names another snapshot, or none, to begin with");
    }
    if (offer.receipts_size() > static_cast<int>(kMaxOrganisations))
        return fail("malformed", "more receipts than organisations");
    std::set<std::string> organisations;
    auto channel = genesis;  // the newest that a statement was decided under
    for (const auto& bytes : offer.receipts()) {
        FS_ASSIGN(const auto proven, receipt::verify_receipt(genesis, as_bytes(bytes)));
        FS_ASSIGN(auto organisation, organisation_of(proven, snapshot));
        organisations.insert(std::move(organisation));
        if (proven.channel->epoch() >= channel->epoch()) channel = proven.channel;
    }
    if (organisations.size() >= channel->approvals_needed()) return snapshot;
    return fail("not_agreed", fmt::format("{} organisations stated the hash of the snapshot of height {}, {} must",
                                          organisations.size(), snapshot.height, channel->approvals_needed()));
}

}  // namespace fairstream::ledger::snapshot
