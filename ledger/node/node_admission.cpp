#include <fmt/format.h>

#include "base/busy.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "ledger/node/node_impl.hpp"
#include "ledger/proto/wire.hpp"

/// From a transaction that somebody brings to one that waits for a block. What comes at once is checked together and
/// handed on together: one job, one frame.
namespace fairstream::ledger::node {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMaxAdmissionsInPool = 8'192;
constexpr std::size_t kTogether = 32;  // so that both threads of the pool have their part
constexpr auto kRetryAdmission = 250ms;

}  // namespace

void Node::Impl::submit(Bytes transaction, std::function<void(Result<Hash>)> on_admitted) {
    submitted.push_back({std::move(transaction), std::move(on_admitted), /*hand_on=*/true});
    if (submitted.size() > 1) return;
    scope.post([this] { admit(std::exchange(submitted, {})); });
}

void Node::Impl::take_from_peer(const std::string& from, ByteView frame) {
    auto transactions = split_frame(frame);
    if (!transactions) return base::log_warn("{} sent transactions: {}", from, transactions.error().message);
    std::vector<Candidate> candidates;
    for (auto& transaction : *transactions)
        candidates.push_back({std::move(transaction),
                              [from](const Result<Hash>& id) {
                                  if (!id)
                                      base::log_debug("a transaction from {} was not admitted: {}", from,
                                                      id.error().message);
                              },
                              /*hand_on=*/false});
    admit(std::move(candidates));
}

void Node::Impl::admit(std::vector<Candidate> candidates) {
    for (std::size_t begin = 0; begin < candidates.size(); begin += kTogether) {
        const auto first = candidates.begin() + static_cast<std::ptrdiff_t>(begin);
        const auto last =
            candidates.begin() + static_cast<std::ptrdiff_t>(std::min(begin + kTogether, candidates.size()));
        check_some({std::make_move_iterator(first), std::make_move_iterator(last)});
    }
}

void Node::Impl::check_some(std::vector<Candidate> candidates) {
    const auto busy = [](const std::vector<Candidate>& refused, std::string_view why) {
        for (const auto& candidate : refused)
            candidate.on_admitted(fail(base::busy(std::string(why), kRetryAdmission)));
    };
    if (admissions_in_pool + candidates.size() > kMaxAdmissionsInPool)
        return busy(candidates, "too many transactions are being checked");
    const auto some = std::make_shared<std::vector<Candidate>>(std::move(candidates));
    admissions_in_pool += some->size();
    const bool posted = pool->post([this, used = channel, some] {
        const auto now = base::wall_now();
        std::vector<Result<Admitted>> checked;
        checked.reserve(some->size());
        for (const auto& candidate : *some)
            checked.push_back(check_transaction(used, candidate.transaction, now, checked_before));
        scope.post([this, used, some, results = std::move(checked)] {
            admissions_in_pool -= some->size();
            if (used != channel) return admit(std::move(*some));  // the config has changed meanwhile
            keep(std::move(*some), results);
        });
    });
    if (posted) return;
    admissions_in_pool -= some->size();
    busy(*some, "this node has too much to verify");
}

void Node::Impl::keep(std::vector<Candidate> candidates, const std::vector<Result<Admitted>>& checked) {
    const auto snapshot = chain->state().snapshot();
    std::vector<Bytes> handed_on;
    bool any = false;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        auto& [transaction, on_admitted, hand_on] = candidates[i];
        if (!checked[i]) {
            on_admitted(fail(checked[i].error()));
            continue;
        }
        const auto& id = checked[i]->id;
        const auto record = snapshot->transaction(id);
        if (!record || *record) {  // it is committed: nothing to wait for
            on_admitted(record ? Result<Hash>(id) : fail(record.error()));
            continue;
        }
        Bytes copy = hand_on ? transaction : Bytes{};
        const auto added = mempool->add(id, checked[i]->creator, std::move(transaction), base::steady_now());
        if (added && hand_on) handed_on.push_back(std::move(copy));
        any = any || (added && *added);
        on_admitted(added ? Result<Hash>(id) : fail(added.error()));
    }
    if (!handed_on.empty()) peers->notify_all(proto::PeerMethod::kTransaction, frame_of(handed_on));
    if (any) ordering->waiting_changed();
}

}  // namespace fairstream::ledger::node
