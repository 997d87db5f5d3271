#include "ledger/contract/channel.hpp"

#include <algorithm>
#include <set>

#include "identity/did/did_key.hpp"
#include "ledger/contract/keys.hpp"

namespace fairstream::ledger::contract {

namespace crypto = identity::crypto;

namespace {

constexpr std::size_t kMaxConfigBytes = 4u << 20;
constexpr int kMaxOrganisations = 64;
constexpr int kMaxNodes = 256;

tl::unexpected<Error> bad_config(std::string what) {
    return fail("bad_config", "channel config: " + std::move(what));
}

Status check_range(std::string_view field, std::uint64_t value, std::uint64_t min, std::uint64_t max) {
    if (value >= min && value <= max) return {};
    return bad_config("limits." + std::string(field) + ": " + std::to_string(value) + " is not between " +
                      std::to_string(min) + " and " + std::to_string(max));
}

}  // namespace

std::string Caller::id() const {
    return member ? "org:" + member->org + "/" + member->name : did;
}

Result<std::shared_ptr<const Channel>> Channel::make(ByteView config_bytes) {
    if (config_bytes.size() > kMaxConfigBytes) return bad_config("larger than 4 MiB");
    auto channel = std::make_shared<Channel>();
    if (!channel->config_.ParseFromArray(config_bytes.data(), static_cast<int>(config_bytes.size())))
        return bad_config("does not parse");
    channel->genesis_hash_ = crypto::sha256(config_bytes);
    FS_TRY(channel->check_header());
    FS_TRY(channel->check_limits());
    FS_TRY(channel->add_organisations());
    FS_TRY(channel->add_nodes());
    return channel;
}

Status Channel::check_header() const {
    if (!is_contract_name(config_.channel())) return bad_config("channel: 1 to 64 of a-z 0-9 _ -");
    if (config_.epoch() == 0) return bad_config("epoch: counts from 1");
    if (config_.created_at_us() == 0 || config_.created_at_us() > kMaxTimeUs)
        return bad_config("created_at_us: microseconds since 1970, before the year 10000");
    const int organisations = config_.organisations_size();
    if (organisations == 0 || organisations > kMaxOrganisations) return bad_config("1 to 64 organisations");
    const auto threshold = static_cast<std::int64_t>(config_.custody_threshold());
    if (2 * threshold <= organisations || threshold > organisations)
        return bad_config("custody_threshold: " + std::to_string(threshold) + " is not above half of " +
                          std::to_string(organisations) + " organisations, or above all");
    return {};
}

Status Channel::check_limits() const {
    const auto& limits = config_.limits();
    FS_TRY(check_range("max_block_transactions", limits.max_block_transactions(), 1, 100'000));
    FS_TRY(check_range("max_block_bytes", limits.max_block_bytes(), 4096, 32u << 20));
    FS_TRY(check_range("max_transaction_bytes", limits.max_transaction_bytes(), 1024, limits.max_block_bytes()));
    FS_TRY(check_range("block_interval_ms", limits.block_interval_ms(), 0, 60'000));
    FS_TRY(check_range("seal_after_ms", limits.seal_after_ms(), 0, 60'000));
    FS_TRY(check_range("round_timeout_ms", limits.round_timeout_ms(), 1, 600'000));
    return check_range("max_round_timeout_ms", limits.max_round_timeout_ms(), limits.round_timeout_ms(), 3'600'000);
}

Status Channel::add_organisations() {
    std::set<std::string_view> custodian_keys;
    for (const auto& organisation : config_.organisations()) {
        const auto& name = organisation.name();
        if (auto added = organisations_.add(name, as_bytes(organisation.ca_certificate())); !added)
            return bad_config("organisation " + printable(name) + ": " + added.error().message);
        const auto& key = organisation.custodian_key();
        if (key.size() != crypto::CompressedPoint{}.size() || !crypto::VerifyingKey::from_sec1(as_bytes(key)))
            return bad_config("organisation " + name + ": custodian_key is not a compressed P-256 point");
        if (!custodian_keys.insert(key).second)
            return bad_config("organisation " + name + ": custodian_key is another organisation's");
        roster_.push_back({.organisation = name, .custodian_key = to_bytes(key)});
    }
    organisation_count_ = roster_.size();
    return {};
}

Status Channel::add_nodes() {
    if (config_.nodes_size() == 0 || config_.nodes_size() > kMaxNodes) return bad_config("1 to 256 nodes");
    std::set<std::string_view> organisations;
    for (const auto& entry : config_.nodes()) {
        FS_TRY(add_node(entry));
        organisations.insert(entry.organisation());
    }
    if (organisations.size() < endorsing_organisations())
        return bad_config("only " + std::to_string(organisations.size()) + " organisations run nodes, a majority of " +
                          std::to_string(organisation_count_) + " must");
    return {};
}

Status Channel::add_node(const proto::NodeEntry& entry) {
    const std::string label = "node " + printable(entry.name()) + ": ";
    const auto member = organisations_.verify(as_bytes(entry.certificate()), base::from_us(config_.created_at_us()));
    if (!member) return bad_config(label + member.error().message);
    if (member->org != entry.organisation())
        return bad_config(label + "its certificate is of organisation " + member->org + ", not " +
                          printable(entry.organisation()));
    if (member->role != identity::msp::Role::kNode) return bad_config(label + "its certificate has not the role node");
    if (member->name != entry.name()) return bad_config(label + "its certificate names " + member->name);
    for (const auto& other : nodes_) {
        if (other.name == entry.name()) return bad_config(label + "the name stands twice");
        if (other.key == member->key) return bad_config(label + "has the key of node " + other.name);
    }
    nodes_.push_back({.name = entry.name(), .organisation = entry.organisation(), .key = member->key});
    return {};
}

const Channel::Node* Channel::node(std::string_view name) const {
    const auto found = std::find_if(nodes_.begin(), nodes_.end(), [&](const Node& node) { return node.name == name; });
    return found == nodes_.end() ? nullptr : &*found;
}

bool Channel::verify(std::string_view node_name, std::string_view type, ByteView payload, ByteView signature) const {
    const Node* const signer = node(node_name);
    const auto raw = crypto::to_signature(signature);
    return signer != nullptr && raw && signer->key.verify(crypto::signing_input(type, name(), payload), *raw);
}

Result<Caller> Channel::authenticate(const proto::SignedProposal& signed_proposal, const proto::Proposal& proposal,
                                     base::TimePoint at) const {
    Caller caller;
    crypto::VerifyingKey key;
    if (proposal.creator().has_did()) {
        const auto resolved = identity::did::key_from_did(proposal.creator().did());
        if (!resolved) return fail("bad_creator", resolved.error().message);
        key = *resolved;
        caller.did = proposal.creator().did();
    } else {
        FS_ASSIGN(auto member, organisations_.verify(as_bytes(proposal.creator().certificate()), at));
        if (member.role == identity::msp::Role::kTls)
            return fail("bad_creator", "a TLS certificate signs no proposals");
        key = member.key;
        caller.member = std::move(member);
    }
    const auto signature = crypto::to_signature(as_bytes(signed_proposal.signature()));
    if (!signature ||
        !key.verify(crypto::signing_input("proposal/v1", name(), as_bytes(signed_proposal.proposal())), *signature))
        return fail("bad_signature", "the proposal's signature is not its creator's");
    return caller;
}

}  // namespace fairstream::ledger::contract
