#pragma once

#include <optional>

#include "ledger/order/messages.hpp"

/// What a set of votes proves. Signatures have been checked before (verify_message); here the votes are counted:
/// distinct members of this epoch only (S5), all for the same thing.
namespace fairstream::ledger::order {

using Votes = google::protobuf::RepeatedPtrField<proto::SignedOrderMessage>;

/// q PREPAREs of this height and round for this block (S2, S3). Error: bad_certificate, with what is wrong.
Status check_prepares(const Channel& channel, const Votes& prepares, std::uint64_t height, std::uint32_t round,
                      std::string_view block_hash);

/// q COMMITs of one round for this block (S6). Error: bad_certificate.
Status check_commits(const Channel& channel, const proto::CommitCertificate& certificate);

/// The PROPOSE of a round above 0 stands on its proofs (S2). The answer is nothing for a fresh block, else the round in
/// which the block was last prepared. Error: bad_justification, with what is wrong.
Result<std::optional<std::uint32_t>> check_justification(const Channel& channel, const proto::Propose& propose);

}  // namespace fairstream::ledger::order
