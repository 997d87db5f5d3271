#pragma once

#include <memory>
#include <vector>

#include "ledger/contract/channels.hpp"
#include "ledger/state/state.hpp"

namespace fairstream::base {
class Pool;
}

namespace fairstream::ledger::validate {

class CheckedBefore;

/// What a block did: the same on every node.
struct BlockResult {
    std::vector<proto::Outcome> outcomes;  // in block order
    identity::crypto::Hash outcomes_root{};
    state::Batch batch;
    struct Committed {  // of valid transactions only
        identity::crypto::Hash id{};
        std::uint32_t index = 0;
        std::vector<proto::Event> events;
        std::vector<proto::PrivateWrite> private_writes;
    };
    std::vector<Committed> committed;
};

/// Validates a decided block's transactions in order against the state before it (ledger.md, "Transaction", 4). No I/O
/// but reads of the snapshot; same inputs, same result.
class Validator {
public:
    /// With a pool, signatures are verified on its threads as well as the caller's. With `before`, what it holds of a
    /// block is not checked a second time. Both must outlive this.
    explicit Validator(contract::Channels channels, base::Pool* pool = nullptr, CheckedBefore* before = nullptr);

    /// Errors: only if the snapshot cannot be read, or the block is not the next one (malformed, wrong_height). Bad
    /// transactions are outcomes, not errors.
    Result<BlockResult> validate(const state::Snapshot& before, const proto::Block& block) const;

private:
    contract::Channels channels_;
    base::Pool* pool_;
    CheckedBefore* before_;
};

/// What a proposed or fetched block must satisfy before anyone votes for it or takes it: header well-formed, on this
/// parent, later than its time, roots match, sizes within limits, epoch current. Errors say which rule:
/// malformed, wrong_channel, wrong_height, wrong_parent, wrong_epoch, wrong_time, unknown_proposer, too_large,
/// wrong_root, wrong_outcomes (results differ from this node's: checked last).
struct Parent {
    std::uint64_t height = 0;
    identity::crypto::Hash hash{};
    std::uint64_t time_us = 0;
    identity::crypto::Hash outcomes_root{};
};
Result<proto::BlockHeader> check_block(const contract::Channel& channel, const Parent& parent,
                                       const proto::Block& block);

/// q distinct members' COMMITs for this hash, all signatures good. Error: bad_certificate, with why.
Status check_certificate(const contract::Channel& channel, const proto::CommitCertificate& certificate,
                         std::uint64_t height, const identity::crypto::Hash& block_hash);

/// Outcomes of this kind are final: the transaction was well-formed and endorsed, so its id is used up.
bool uses_up_id(proto::ValidationCode code);

/// The RFC 6962 root over serialised outcomes.
identity::crypto::Hash outcomes_root(const std::vector<proto::Outcome>& outcomes);

}  // namespace fairstream::ledger::validate
