#include "marketplace_dapp/cli/trust_actions.hpp"

#include <fmt/format.h>

#include "base/clock.hpp"
#include "marketplace_dapp/cli/acting.hpp"
#include "marketplace_dapp/cli/render.hpp"
#include "marketplace_dapp/client/rater.hpp"

namespace fairstream::marketplace_dapp::cli {

namespace schema = chaincode::schema;
namespace json = boost::json;

namespace {

Result<std::string> party(Session& session, client::Rater& rater, const std::string& who) {
    auto account = resolve_account(session, who);
    if (account && !account->starts_with("did:")) return rater.operator_did(who);
    return account;
}

Result<std::string> ratee_of(Session& session, client::Rater& rater, const RatingOptions& options) {
    if (options.ratee.empty()) return rater.counterparty(options.purchase);
    return party(session, rater, options.ratee);
}

json::object to_json(const schema::PartyRating& rating) {
    json::object out{{"purchase", rating.purchase()},
                     {"rater", rating.rater()},
                     {"ratee", rating.ratee()},
                     {"epoch", rating.epoch()},
                     {"rated_at", base::to_rfc3339(base::from_us(rating.rated_at_us()))},
                     {"outcome", rating.outcome()},
                     {"value_factor", rating.value_factor()},
                     {"revealed", rating.revealed()}};
    if (rating.revealed()) out["score"] = rating.opinion();
    return out;
}

std::string to_text(const schema::PartyRating& rating) {
    return fmt::format("{} rates {}: {}, delivered {}, weight by value {} (trust epoch {})\n", rating.rater(),
                       rating.ratee(), rating.revealed() ? rate(rating.opinion()) : "hidden", rate(rating.outcome()),
                       rate(rating.value_factor()), rating.epoch());
}

std::string state_of(const schema::TrustEpoch& epoch) {
    if (epoch.computed()) return "computed";
    return epoch.sealed_at_us() > 0 ? "sealed" : "open";
}

json::object to_json(const schema::TrustEpoch& epoch) {
    json::object out{{"epoch", epoch.epoch()}, {"state", state_of(epoch)}};
    if (epoch.started_at_us() > 0) out["started_at"] = base::to_rfc3339(base::from_us(epoch.started_at_us()));
    if (epoch.sealed_at_us() == 0) return out;
    out["sealed_at"] = base::to_rfc3339(base::from_us(epoch.sealed_at_us()));
    out["reveal_until"] = base::to_rfc3339(base::from_us(epoch.reveal_until_us()));
    return out;
}

std::string to_text(const schema::TrustEpoch& epoch) {
    auto text = fmt::format("trust epoch {} is {}", epoch.epoch(), state_of(epoch));
    if (epoch.sealed_at_us() > 0 && !epoch.computed())
        text += "; ratings are revealed until " + base::to_rfc3339(base::from_us(epoch.reveal_until_us()));
    return text + "\n";
}

}  // namespace

Result<Answer> rate(Session& session, const RatingOptions& options) {
    FS_ASSIGN(auto rater, actor<client::Rater>(session));
    FS_ASSIGN(const auto ratee, ratee_of(session, rater, options));
    FS_ASSIGN(const auto rating, rater.rate(options.purchase, ratee, options.score));
    const auto of = options.ratee.empty() ? "" : " --of " + options.ratee;
    return Answer{.json = to_json(rating),
                  .text = to_text(rating) +
                          fmt::format("once the epoch is sealed: fairstream trust reveal {} --score {}{} --as {}\n",
                                      options.purchase, options.score, of, session.as)};
}

Result<Answer> trust_reveal(Session& session, const RatingOptions& options) {
    FS_ASSIGN(auto rater, actor<client::Rater>(session));
    FS_ASSIGN(const auto ratee, ratee_of(session, rater, options));
    FS_ASSIGN(const auto rating, rater.reveal(options.purchase, ratee, options.score));
    return Answer{.json = to_json(rating), .text = to_text(rating)};
}

Result<Answer> trust_ratings(Session& session, const std::string& purchase) {
    FS_ASSIGN(auto asking, anyone<client::Rater>(session));
    FS_ASSIGN(const auto reply, asking.ratings(purchase));
    Answer answer{.json = {}, .text = reply.ratings_size() == 0 ? "no ratings" : ""};
    json::array ratings;
    for (const auto& rating : reply.ratings()) {
        ratings.push_back(to_json(rating));
        answer.text += to_text(rating);
    }
    answer.json["ratings"] = std::move(ratings);
    return answer;
}

Result<Answer> trust_show(Session& session, const std::string& who) {
    FS_ASSIGN(auto asking, anyone<client::Rater>(session));
    FS_ASSIGN(const auto did, party(session, asking, who));
    FS_ASSIGN(const auto score, asking.score(did));
    return Answer{.json = {{"did", did},
                           {"trust_score", score.trust_score()},
                           {"credibility", score.credibility()},
                           {"reputation", score.reputation()},
                           {"confidence", score.confidence()},
                           {"ratings", score.ratings()},
                           {"epoch", score.epoch()}},
                  .text = fmt::format("{}  trust {} = credibility {} x reputation {}; {} rating{}, confidence {:.3f}\n",
                                      did, rate(score.trust_score()), rate(score.credibility()),
                                      rate(score.reputation()), score.ratings(), score.ratings() == 1 ? "" : "s",
                                      static_cast<double>(score.confidence()) / 1e6)};
}

Result<Answer> trust_epoch(Session& session, std::uint64_t epoch) {
    FS_ASSIGN(auto asking, anyone<client::Rater>(session));
    FS_ASSIGN(const auto found, asking.epoch(epoch));
    return Answer{.json = to_json(found), .text = to_text(found)};
}

Result<Answer> trust_seal(Session& session) {
    FS_ASSIGN(auto sender, anyone<client::Rater>(session));
    FS_ASSIGN(const auto sealed, sender.seal());
    return Answer{.json = to_json(sealed), .text = to_text(sealed)};
}

Result<Answer> trust_compute(Session& session) {
    FS_ASSIGN(auto sender, anyone<client::Rater>(session));
    FS_ASSIGN(const auto computed, sender.compute());
    Answer answer{.json = {}, .text = computed.empty() ? "no sealed trust epoch is left to compute" : ""};
    json::array epochs;
    for (const auto& epoch : computed) {
        epochs.push_back(to_json(epoch));
        answer.text += to_text(epoch);
    }
    answer.json["epochs"] = std::move(epochs);
    return answer;
}

}  // namespace fairstream::marketplace_dapp::cli
