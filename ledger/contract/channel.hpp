#pragma once

#include <memory>
#include <span>

#include "identity/crypto/keys.hpp"
#include "identity/msp/trusted_organisations.hpp"
#include "ledger/contract/context.hpp"
#include "ledger/contract/limits.hpp"
#include "ledger/proto/ledger.pb.h"

namespace fairstream::ledger::contract {

/// The channel config in force, parsed once: members' keys, quorums, policies. Immutable; shared by all parts of a
/// node.
class Channel {
public:
    struct Node {
        std::string name;
        std::string organisation;
        identity::crypto::VerifyingKey key;
    };
    /// Errors: bad_config (says which entry is wrong): unknown organisation, certificate of another CA or not valid at
    /// the config's created_at, no nodes, nodes of no majority of organisations, threshold not above half, duplicate
    /// names or keys, limits out of range.
    static Result<std::shared_ptr<const Channel>> make(ByteView config_bytes);

    const proto::ChannelConfig& config() const { return config_; }
    const std::string& name() const { return config_.channel(); }
    std::uint64_t epoch() const { return config_.epoch(); }
    const identity::crypto::Hash& genesis_hash() const { return genesis_hash_; }  // SHA-256 of the config's bytes
    const std::vector<Node>& nodes() const { return nodes_; }                     // in voting order
    const Node* node(std::string_view name) const;
    const identity::msp::TrustedOrganisations& organisations() const { return organisations_; }
    const std::vector<Context::RosterEntry>& roster() const { return roster_; }

    std::size_t faults() const { return (nodes_.size() - 1) / 3; }          // f = floor((n-1)/3)
    std::size_t quorum() const { return (2 * nodes_.size() - 1) / 3 + 1; }  // q = floor((2n-1)/3)+1
    /// A majority of organisations, the endorsement policy.
    std::size_t endorsing_organisations() const { return organisation_count_ / 2 + 1; }

    /// True if `signature` is `node`'s over signing_input(type, channel, payload).
    bool verify(std::string_view node, std::string_view type, ByteView payload, ByteView signature) const;

    /// Who created the proposal, its signature checked. `at` decides whether a certificate has expired.
    /// Errors: bad_creator, bad_signature, and those of the MSP.
    Result<Caller> authenticate(const proto::SignedProposal& signed_proposal, const proto::Proposal& proposal,
                                base::TimePoint at) const;

private:
    Status check_header() const;
    Status check_limits() const;
    Status add_organisations();
    Status add_nodes();
    Status add_node(const proto::NodeEntry& entry);

    proto::ChannelConfig config_;
    identity::crypto::Hash genesis_hash_{};
    std::vector<Node> nodes_;
    identity::msp::TrustedOrganisations organisations_;
    std::vector<Context::RosterEntry> roster_;
    std::size_t organisation_count_ = 0;
};

/// Bounds of a well-formed proposal; error: malformed, with what is wrong.
Result<proto::Proposal> parse_proposal(ByteView bytes);

}  // namespace fairstream::ledger::contract
