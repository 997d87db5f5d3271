#include "ledger/gateway/tally.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace fairstream::ledger::gateway {

namespace {

/// The organisation's node did not answer, or has not seen yet what the proposal builds on.
bool is_absence(const std::string& code) {
    static const std::set<std::string, std::less<>> codes = {"disconnected", "timeout",     "busy",
                                                             "unavailable",  "not_decided", "private_missing",
                                                             "tls_failed",   "other_epoch"};
    return codes.contains(code);
}

std::string joined(const std::vector<std::string>& names) {
    std::string out;
    for (const auto& name : names) out += (out.empty() ? "" : ", ") + name;
    return out;
}

}  // namespace

void Tally::add(const std::string& organisation, Result<proto::EndorseResult> answer) {
    ++answered_;
    if (organisation == own_) {
        own_answered_ = true;
        own_refuses_ = !answer && !is_absence(answer.error().code);
    }
    if (answer)
        results_[answer->result()].push_back({organisation, std::move(*answer->mutable_endorsement())});
    else if (is_absence(answer.error().code))
        absent_.emplace_back(organisation, std::move(answer).error());
    else
        refusals_[answer.error().code].emplace_back(organisation, answer.error());
}

const std::pair<const std::string, std::vector<Tally::Vote>>* Tally::largest_group() const {
    const auto found = std::ranges::max_element(results_, {}, [](const auto& group) { return group.second.size(); });
    return found == results_.end() ? nullptr : &*found;
}

const std::vector<std::pair<std::string, Error>>* Tally::refusal() const {
    const auto found = std::ranges::max_element(refusals_, {}, [](const auto& group) { return group.second.size(); });
    return found == refusals_.end() ? nullptr : &found->second;
}

Tally::Verdict Tally::verdict() const {
    const auto* const group = largest_group();
    const auto* const no = refusal();
    const std::size_t yes = group == nullptr ? 0 : group->second.size();
    const std::size_t refused = no == nullptr ? 0 : no->size();
    if (yes >= needed_) return Verdict::kAgreed;
    const std::size_t out = asked_ - answered_;
    // What this gateway has committed for its client, others may not have seen yet: their refusal counts once this
    // node's own word agrees.
    if (refused >= needed_) return own_refuses_ ? Verdict::kRefused : own_answered_ ? Verdict::kSplit : Verdict::kOpen;
    return std::max(yes, refused) + out >= needed_ && out > 0 ? Verdict::kOpen : Verdict::kSplit;
}

std::vector<proto::Endorsement> Tally::endorsements() const {
    std::vector<proto::Endorsement> out;
    for (const auto& vote : largest_group()->second)
        if (out.size() < needed_) out.push_back(vote.endorsement);
    return out;
}

Error Tally::error() const {
    const auto* const no = refusal();
    if (no != nullptr && no->size() >= needed_) {
        const auto own = std::ranges::find(*no, own_, [](const auto& entry) { return entry.first; });
        return own == no->end() ? no->front().second : own->second;
    }
    const auto* const group = largest_group();
    std::vector<std::string> details;
    std::vector<std::string> agree;
    if (group != nullptr)
        for (const auto& vote : group->second) agree.push_back(vote.organisation);
    for (const auto& [result, votes] : results_)
        if (group == nullptr || result != group->first)
            for (const auto& vote : votes) details.push_back(vote.organisation + " differs");
    for (const auto& [code, entries] : refusals_)
        for (const auto& [organisation, error] : entries)
            details.push_back(fmt::format("{} refuses ({}: {})", organisation, error.code, error.message));
    const bool mismatch = !details.empty();
    for (const auto& [organisation, error] : absent_)
        details.push_back(fmt::format("{} did not endorse ({}: {})", organisation, error.code, error.message));
    return {mismatch ? "endorsement_mismatch" : "unavailable",
            fmt::format("{} organisations must endorse alike: {} agree [{}]; {}", needed_, agree.size(), joined(agree),
                        joined(details))};
}

bool Tally::may_heal() const {
    return results_.size() > 1 || !absent_.empty() || (!results_.empty() && !refusals_.empty());
}

}  // namespace fairstream::ledger::gateway
