#include "base/log.hpp"
#include "ledger/node/node_impl.hpp"
#include "ledger/node/short_proposal.hpp"
#include "ledger/proto/wire.hpp"

/// Proposed blocks on their way between nodes: by the leaves of transactions that all have, those that one lacks on
/// demand. What does not come is a proposal that was lost on the way; the protocol bears it.
namespace fairstream::ledger::node {

using namespace std::chrono_literals;

namespace {

/// A leader that has them answers at once; one that does not costs its round.
constexpr auto kAnswerWithin = 2'000ms;

}  // namespace

void Node::Impl::broadcast(const proto::SignedOrderMessage& message) {
    const auto proposal = shorten(message);
    if (!proposal) return peers->notify_all(proto::PeerMethod::kOrder, proto::encode(message));
    proposed_last = std::make_shared<const std::string>(message.block());
    peers->notify_all(proto::PeerMethod::kProposal, proto::encode(*proposal));
}

Result<Bytes> Node::Impl::serve_transactions(const std::shared_ptr<const std::string>& proposed,
                                             const proto::TransactionsRequest& request) {
    if (!proposed) return fail("not_found", "this node has proposed nothing since its start");
    return transactions_of(as_bytes(*proposed), request);
}

void Node::Impl::on_proposal(PeerNotice notice) {
    if (!room_for_order_message()) return;
    const bool posted = pool->post([this, used = channel, taken = std::move(notice)]() mutable {
        auto proposal = ShortProposal::take(taken.from, taken.payload);
        const bool early = proposal && proposal->config_epoch() == used->epoch() + 1;
        if (early) return take_order_message(used, std::move(taken), fail("early", "of the next config epoch"));
        const Status filled =
            proposal ? proposal->fill(*used, [this](const Hash& leaf) { return checked_before.bytes_of(leaf); })
                     : fail(proposal.error());
        if (!filled) return take_order_message(used, {}, fail(filled.error()));
        if (proposal->missing().empty())
            return take_order_message(used, {}, order::verify_message(*used, std::move(*proposal).whole()));
        scope.post([this, used, from = taken.from, lacking = std::make_shared<ShortProposal>(std::move(*proposal))] {
            ask_for(used, from, lacking);
        });
    });
    if (posted) ++order_messages_in_pool;
}

/// One question to each peer at a time: a newer proposal takes the place of the one before.
void Node::Impl::ask_for(const std::shared_ptr<const contract::Channel>& used, const std::string& from,
                         const std::shared_ptr<ShortProposal>& proposal) {
    --order_messages_in_pool;
    const auto* const peer = peers->peer(from);
    if (peer == nullptr || failure) return;
    proto::TransactionsRequest request;
    for (const auto& leaf : proposal->missing()) request.mutable_leaves()->append(as_text(leaf));
    metrics.count("ledger_proposed_transactions_missing_total", static_cast<double>(proposal->missing().size()));
    const auto number = ++last_question;
    questions[from] = number;
    peers->call(*peer, proto::PeerMethod::kTransactions, proto::encode(request), kAnswerWithin,
                [this, used, from, number, proposal](Result<Bytes> answer) {
                    if (questions[from] != number || failure) return;
                    if (!answer)
                        return base::log_debug("{} does not send what it proposes: {}", from, answer.error().message);
                    const bool posted = pool->post([this, used, proposal, frame = std::move(*answer)] {
                        const auto added = proposal->add(*used, frame);
                        take_order_message(
                            used, {},
                            added ? order::verify_message(*used, std::move(*proposal).whole()) : fail(added.error()));
                    });
                    if (posted) ++order_messages_in_pool;
                });
}

}  // namespace fairstream::ledger::node
