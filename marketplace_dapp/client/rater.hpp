#pragma once

#include "chaincode/schema/trust.pb.h"
#include "marketplace_dapp/client/actor.hpp"

namespace fairstream::marketplace_dapp::client {

/// Rates the other parties of finished purchases, and moves trust epochs on (marketplace.md, "Trust score").
///
/// A rating's salt comes from the rater's own key, the purchase and the ratee, so nothing has to be kept until it is
/// revealed: whoever holds the key file and knows the opinion reveals it, from any machine.
class Rater : public Actor {
public:
    using Actor::Actor;

    /// `opinion` in millionths. Errors: not_settled, not_party, already_rated, not_found.
    Result<chaincode::schema::PartyRating> rate(const std::string& purchase, const std::string& ratee,
                                                std::uint32_t opinion);
    /// Once the epoch of the rating is sealed; the opinion as it was rated. Errors: commitment_mismatch, not_found,
    /// not_rater, already_revealed, not_sealed, too_late.
    Result<chaincode::schema::PartyRating> reveal(const std::string& purchase, const std::string& ratee,
                                                  std::uint32_t opinion);
    Result<chaincode::schema::ListRatingsReply> ratings(const std::string& purchase);

    /// Who is rated unless another is named: the seller by the buyer, the buyer by the seller. Error: not_party.
    Result<std::string> counterparty(const std::string& purchase);
    /// Error: not_found.
    Result<std::string> operator_did(const std::string& name);

    /// 0: the open one.
    Result<chaincode::schema::TrustEpoch> epoch(std::uint64_t number);
    /// Seals the open epoch. Error: too_early.
    Result<chaincode::schema::TrustEpoch> seal();
    /// Computes every sealed epoch that is not computed, the oldest first; answers those it computed. Error: too_early.
    Result<std::vector<chaincode::schema::TrustEpoch>> compute();
    Result<chaincode::schema::TrustScore> score(const std::string& did);

private:
    Bytes salt(const std::string& purchase, const std::string& ratee) const;
    Result<chaincode::schema::TrustEpoch> compute_one(std::uint64_t number);
};

}  // namespace fairstream::marketplace_dapp::client
