#include "ledger/contract/channel.hpp"

#include <algorithm>
#include <set>

#include "ledger/contract/keys.hpp"
#include "ledger/contract/verified.hpp"

namespace fairstream::ledger::contract {

namespace crypto = identity::crypto;

namespace {

constexpr std::size_t kMaxConfigBytes = 4u << 20;
constexpr int kMaxOrganisations = 64;
constexpr int kMaxNodes = 256;

constexpr std::size_t kMaxAddressBytes = 256;

tl::unexpected<Error> bad_config(std::string what) {
    return fail("bad_config", "channel config: " + std::move(what));
}

Status check_range(std::string_view field, std::uint64_t value, std::uint64_t min, std::uint64_t max) {
    if (value >= min && value <= max) return {};
    return bad_config("limits." + std::string(field) + ": " + std::to_string(value) + " is not between " +
                      std::to_string(min) + " and " + std::to_string(max));
}

/// host:port, the port from 1 to 65535. What the host resolves to is for those who connect.
bool is_address(std::string_view text) {
    const auto colon = text.rfind(':');
    if (text.size() > kMaxAddressBytes || colon == std::string_view::npos || colon == 0) return false;
    const auto port = text.substr(colon + 1);
    if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string_view::npos) return false;
    unsigned value = 0;
    for (const char digit : port) value = value * 10 + static_cast<unsigned>(digit - '0');
    return value >= 1 && value <= 65'535;
}

}  // namespace

std::string Caller::id() const {
    return member ? "org:" + member->org + "/" + member->name : did;
}

Result<std::shared_ptr<const Channel>> Channel::make(ByteView config_bytes) {
    return build(config_bytes, nullptr, /*at_any_time=*/false);
}

Result<std::shared_ptr<const Channel>> Channel::in_force(ByteView config_bytes) {
    return build(config_bytes, nullptr, /*at_any_time=*/true);
}

Result<std::shared_ptr<const Channel>> Channel::successor(ByteView config_bytes) const {
    return build(config_bytes, this, /*at_any_time=*/false);
}

Result<std::shared_ptr<const Channel>> Channel::build(ByteView config_bytes, const Channel* before, bool at_any_time) {
    if (config_bytes.size() > kMaxConfigBytes) return bad_config("larger than 4 MiB");
    auto channel = std::make_shared<Channel>();
    if (!channel->config_.ParseFromArray(config_bytes.data(), static_cast<int>(config_bytes.size())))
        return bad_config("does not parse");
    channel->config_bytes_ = to_bytes(config_bytes);
    channel->config_hash_ = crypto::sha256(config_bytes);
    channel->genesis_hash_ = before != nullptr ? before->genesis_hash_ : channel->config_hash_;
    channel->verified_ = before != nullptr ? before->verified_ : std::make_shared<Verified>();
    FS_TRY(channel->check_header());
    if (before != nullptr) FS_TRY(channel->check_follows(*before));
    FS_TRY(channel->check_limits());
    FS_TRY(channel->add_organisations());
    FS_TRY(channel->add_nodes(before, at_any_time));
    return channel;
}

Status Channel::check_follows(const Channel& before) const {
    if (config_.epoch() != before.epoch() + 1)
        return fail("wrong_epoch", "channel config: epoch " + std::to_string(config_.epoch()) +
                                       " does not follow the one in force, " + std::to_string(before.epoch()) +
                                       "; propose the change anew");
    if (name() != before.name()) return bad_config("channel: the name cannot change");
    if (config_.genesis_snapshot() != before.config_.genesis_snapshot())
        return bad_config("genesis_snapshot: what a channel began with cannot change");
    if (config_.created_at_us() <= before.config_.created_at_us())
        return bad_config("created_at_us: not later than that of the epoch before");
    return {};
}

Result<std::string> Channel::check_approval(ByteView config_bytes, const proto::ConfigApproval& approval,
                                            TimePoint at) const {
    const auto admin = organisations_.verify(as_bytes(approval.certificate()), at);
    if (!admin) return fail("bad_approval", "an approval: " + admin.error().message);
    if (admin->role != identity::msp::Role::kAdmin)
        return fail("bad_approval", "an approval of " + admin->org + ": " + admin->name + " is no admin");
    const auto signature = crypto::to_signature(as_bytes(approval.signature()));
    if (!signature || !admin->key.verify(crypto::signing_input("config/v1", name(), config_bytes), *signature))
        return fail("bad_approval", "the approval of " + admin->org + " is not signed by its certificate's key");
    return admin->org;
}

Result<std::shared_ptr<const Channel>> Channel::successor(const proto::ConfigUpdate& update, TimePoint at) const {
    FS_ASSIGN(auto next, successor(as_bytes(update.config())));
    if (static_cast<std::size_t>(update.approvals_size()) > organisation_count_)
        return fail("bad_approval", "more approvals than organisations");
    std::set<std::string> organisations;
    for (const auto& approval : update.approvals()) {
        FS_ASSIGN(auto organisation, check_approval(as_bytes(update.config()), approval, at));
        if (!organisations.insert(organisation).second) return fail("bad_approval", "two approvals of " + organisation);
    }
    if (organisations.size() >= approvals_needed()) return next;
    return fail("not_approved", "config of epoch " + std::to_string(next->epoch()) + ": approved by " +
                                    std::to_string(organisations.size()) + " organisations, " +
                                    std::to_string(approvals_needed()) + " must");
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
    const auto endorsing = config_.endorsing_organisations();
    if (endorsing != 0 && (2 * std::int64_t{endorsing} <= organisations || std::int64_t{endorsing} > organisations))
        return bad_config("endorsing_organisations: " + std::to_string(endorsing) + " is not above half of " +
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

Status Channel::add_nodes(const Channel* before, bool at_any_time) {
    if (config_.nodes_size() == 0 || config_.nodes_size() > kMaxNodes) return bad_config("1 to 256 nodes");
    std::set<std::string_view> organisations;
    for (const auto& entry : config_.nodes()) {
        FS_TRY(add_node(entry, before, at_any_time));
        organisations.insert(entry.organisation());
    }
    if (organisations.size() < endorsing_organisations())
        return bad_config("only " + std::to_string(organisations.size()) + " organisations run nodes, " +
                          std::to_string(endorsing_organisations()) + " must endorse");
    return {};
}

Status Channel::add_node(const proto::NodeEntry& entry, const Channel* before, bool at_any_time) {
    const std::string label = "node " + printable(entry.name()) + ": ";
    const auto stood = [&](const proto::NodeEntry& old) { return old.certificate() == entry.certificate(); };
    const bool known = at_any_time || (before != nullptr && std::ranges::any_of(before->config_.nodes(), stood));
    const auto certificate = as_bytes(entry.certificate());
    const auto member = known ? organisations_.verify_at_any_time(certificate)
                              : organisations_.verify(certificate, base::from_us(config_.created_at_us()));
    if (!member) return bad_config(label + member.error().message);
    if (member->org != entry.organisation())
        return bad_config(label + "its certificate is of organisation " + member->org + ", not " +
                          printable(entry.organisation()));
    if (member->role != identity::msp::Role::kNode) return bad_config(label + "its certificate has not the role node");
    if (member->name != entry.name()) return bad_config(label + "its certificate names " + member->name);
    for (const auto* address : {&entry.peer_address(), &entry.gateway_address()})
        if (!address->empty() && !is_address(*address))
            return bad_config(label + printable(*address) + " is not host:port");
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
    return signer != nullptr && raw &&
           verified_->signature(epoch(), signer->key, crypto::signing_input(type, name(), payload), *raw);
}

Result<Caller> Channel::authenticate(const proto::SignedProposal& signed_proposal, const proto::Proposal& proposal,
                                     base::TimePoint at) const {
    Caller caller;
    crypto::VerifyingKey key;
    if (proposal.creator().has_did()) {
        const auto resolved = verified_->key_of(proposal.creator().did());
        if (!resolved) return fail("bad_creator", resolved.error().message);
        key = *resolved;
        caller.did = proposal.creator().did();
    } else {
        FS_ASSIGN(auto member,
                  verified_->member(config_hash_, organisations_, as_bytes(proposal.creator().certificate()), at));
        if (member.role == identity::msp::Role::kTls)
            return fail("bad_creator", "a TLS certificate signs no proposals");
        key = member.key;
        caller.member = std::move(member);
    }
    const auto signature = crypto::to_signature(as_bytes(signed_proposal.signature()));
    if (!signature ||
        !verified_->signature(epoch(), key,
                              crypto::signing_input("proposal/v1", name(), as_bytes(signed_proposal.proposal())),
                              *signature))
        return fail("bad_signature", "the proposal's signature is not its creator's");
    return caller;
}

}  // namespace fairstream::ledger::contract
