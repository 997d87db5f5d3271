#pragma once

#include <memory>

#include "ledger/contract/context.hpp"

namespace fairstream::chaincode::custody {

/// Stream keys in the custody of the consortium (marketplace.md, "Key custody").
///
///     Deal(DealRequest) -> DealingRecord      the stream's seller; private input: the SharePackage. Once per key epoch
///     Release(ReleaseRequest) -> ReleaseRecord   a node of a custodian organisation, before the release deadline; for
///     a
///                                             purchase of time: each key epoch that meets it, once that time begins
///     GetReleaseTask(...) -> ReleaseTask      query of such a node: what it needs to release
///     GetDealing, GetReleases, CountReleases  anyone
///
/// Each custodian's release lies under a key of its own and reads nothing that changes, so releases never conflict.
/// Errors: not_seller, already_dealt, bad_dealing, private_input_missing, bad_point, bad_proof, bad_threshold,
/// not_custodian, already_released, wrong_key_epoch, not_covered, too_early, too_late, not_found, not_an_actor,
/// not_a_member, wrong_role, bad_arguments, and private_missing (this node has not fetched the shares yet: retry).
std::shared_ptr<const ledger::contract::Contract> make_contract();

}  // namespace fairstream::chaincode::custody
