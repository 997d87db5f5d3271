#pragma once

#include <algorithm>
#include <memory>
#include <span>

#include "identity/crypto/keys.hpp"
#include "identity/msp/trusted_organisations.hpp"
#include "ledger/contract/context.hpp"
#include "ledger/contract/limits.hpp"
#include "ledger/proto/ledger.pb.h"

namespace fairstream::ledger::contract {

class Verified;

/// One epoch's channel config, parsed once: members' keys, quorums, policies. Immutable; shared by all parts of a
/// node. It and the epochs that follow it share one memory of signatures verified.
class Channel {
public:
    struct Node {
        std::string name;
        std::string organisation;
        identity::crypto::VerifyingKey key;
    };
    /// A genesis config. Errors: bad_config (says which entry is wrong): unknown organisation, certificate of another
    /// CA or not valid at the config's created_at, no nodes, nodes of no majority of organisations, threshold not above
    /// half, duplicate names or keys, limits out of range.
    static Result<std::shared_ptr<const Channel>> make(ByteView config_bytes);

    /// A config of any epoch that somebody says is in force: whether it follows from genesis is not looked at, nor
    /// whether certificates have ended. Error: bad_config.
    static Result<std::shared_ptr<const Channel>> in_force(ByteView config_bytes);

    /// The channel under the config that follows this one. Entries that stand in both are taken although their
    /// certificates may have ended since. Errors: bad_config; wrong_epoch (it does not follow this epoch: propose it
    /// anew on the config in force).
    Result<std::shared_ptr<const Channel>> successor(ByteView config_bytes) const;
    /// The same, if admins of a majority of this epoch's organisations have signed it; their certificates must be valid
    /// at `at`. Errors besides: not_approved, bad_approval (says whose, and why).
    Result<std::shared_ptr<const Channel>> successor(const proto::ConfigUpdate& update, TimePoint at) const;
    /// The organisation whose admin signed `config_bytes`. Error: bad_approval.
    Result<std::string> check_approval(ByteView config_bytes, const proto::ConfigApproval& approval,
                                       TimePoint at) const;
    std::size_t approvals_needed() const { return organisation_count_ / 2 + 1; }  // to change the config

    const proto::ChannelConfig& config() const { return config_; }
    const std::string& name() const { return config_.channel(); }
    std::uint64_t epoch() const { return config_.epoch(); }
    const Bytes& config_bytes() const { return config_bytes_; }                   // as signed
    const identity::crypto::Hash& genesis_hash() const { return genesis_hash_; }  // SHA-256 of the genesis config
    const std::vector<Node>& nodes() const { return nodes_; }                     // in voting order
    const Node* node(std::string_view name) const;
    const identity::msp::TrustedOrganisations& organisations() const { return organisations_; }
    const std::vector<Context::RosterEntry>& roster() const { return roster_; }

    std::size_t faults() const { return (nodes_.size() - 1) / 3; }          // f = floor((n-1)/3)
    std::size_t quorum() const { return (2 * nodes_.size() - 1) / 3 + 1; }  // q = floor((2n-1)/3)+1
    /// How many organisations must endorse alike, the endorsement policy: a majority, or more.
    std::size_t endorsing_organisations() const {
        return std::max<std::size_t>(config_.endorsing_organisations(), organisation_count_ / 2 + 1);
    }

    /// True if `signature` is `node`'s over signing_input(type, channel, payload).
    bool verify(std::string_view node, std::string_view type, ByteView payload, ByteView signature) const;

    /// Who created the proposal, its signature checked. `at` decides whether a certificate has expired.
    /// Errors: bad_creator, bad_signature, and those of the MSP.
    Result<Caller> authenticate(const proto::SignedProposal& signed_proposal, const proto::Proposal& proposal,
                                base::TimePoint at) const;

private:
    /// `before`: the epoch that this one follows; none for a genesis config. `at_any_time`: no certificate has ended.
    static Result<std::shared_ptr<const Channel>> build(ByteView config_bytes, const Channel* before, bool at_any_time);
    Status check_header() const;
    Status check_limits() const;
    Status check_follows(const Channel& before) const;
    Status add_organisations();
    Status add_nodes(const Channel* before, bool at_any_time);
    Status add_node(const proto::NodeEntry& entry, const Channel* before, bool at_any_time);

    proto::ChannelConfig config_;
    Bytes config_bytes_;
    identity::crypto::Hash config_hash_{};
    identity::crypto::Hash genesis_hash_{};
    std::vector<Node> nodes_;
    identity::msp::TrustedOrganisations organisations_;
    std::vector<Context::RosterEntry> roster_;
    std::size_t organisation_count_ = 0;
    std::shared_ptr<Verified> verified_;
};

/// Bounds of a well-formed proposal; error: malformed, with what is wrong.
Result<proto::Proposal> parse_proposal(ByteView bytes);

}  // namespace fairstream::ledger::contract
