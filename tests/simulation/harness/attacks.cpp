#include "ledger/proto/wire.hpp"
#include "tests/simulation/harness/hostile.hpp"

/// The attacks of ledger.md's list, one function each.
namespace fairstream::tests::simulation {

using order::Position;
using order::Step;
using ordering::node_name;

namespace {

Hash hash_of_bytes(const std::string& bytes) {
    const auto block = proto::decode<proto::Block>(bytes);
    return block ? ordering::hash_of(*block) : Hash{};
}

}  // namespace

void Hostile::attack(const Position& at) {
    switch (pick(world_.epochs_.size() > 1 ? 12 : 9)) {
        case 0:
        case 1:
            return double_vote(at);
        case 2:
            return propose_two(at);
        case 3:
        case 4:
            return propose_unjustified(at);
        case 5:
            return change_round(at);
        case 6:
            return replay();
        case 7:
            return votes_from_elsewhere(at);
        case 8:
            return boast(at);
        case 9:
            return use_old_keys(at);
        case 10:
            return say_under_old_epoch(ordering::prepare_of(known_.height, at.round, hash_of_bytes(some_block())));
        default:
            return say_under_old_epoch(ordering::commit_of(known_.height, at.round, hash_of_bytes(some_block())));
    }
}

/// PREPAREs and COMMITs for several blocks in one place, and for blocks that nobody proposed.
void Hostile::double_vote(const Position& at) {
    const auto round = chance(800) ? at.round : static_cast<std::uint32_t>(pick(at.round + 2));
    for (int i = 0; i < 2; ++i) {
        const auto hash = hash_of_bytes(some_block());
        if (chance(700)) send_some(sign(ordering::prepare_of(known_.height, round, hash)), 600);
        if (chance(700)) send_some(sign(ordering::commit_of(known_.height, round, hash)), 600);
    }
}

proto::SignedOrderMessage Hostile::proposal(std::uint32_t round, const std::string& block, const Messages& changes,
                                            const Messages& prepares) {
    auto body = ordering::propose_of(known_.height, round, hash_of_bytes(block));
    for (const auto& one : changes) *body.mutable_propose()->add_round_changes() = one;
    for (const auto& one : prepares) *body.mutable_propose()->add_prepares() = one;
    auto message = sign(body);
    message.set_block(block);
    return message;
}

/// Some get the block that its replica proposes, some another one on the same proofs, which may break a rule.
void Hostile::equivocate(const proto::SignedOrderMessage& message, const proto::Propose& propose) {
    const auto block = new_block(propose.round(), chance(600));
    auto body = ordering::propose_of(propose.height(), propose.round(), hash_of_bytes(block));
    *body.mutable_propose()->mutable_round_changes() = propose.round_changes();
    auto other = sign(body);
    other.set_block(block);
    for (auto& to : world_.nodes_)
        if (to->member != self_.member && world_.connected(self_.member, to->member))
            world_.send(*to, chance(500) ? message : other);
}

/// Equivocation: as the rightful leader, one block to some and another to the others, each well justified if it can be.
void Hostile::propose_two(const Position& at) {
    for (const auto round : {at.round, at.round + 1}) {
        if (world_.oracle_.leader(known_.height, round) != node_name(self_.member)) continue;
        const auto changes = round == 0 ? Messages{} : some_changes(round, channel().quorum());
        const auto a = proposal(round, new_block(round, false), changes, {});
        const auto b = proposal(round, new_block(round, chance(300)), changes, {});
        for (auto& other : world_.nodes_)
            if (other->member != self_.member && world_.connected(self_.member, other->member))
                world_.send(*other, chance(500) ? a : b);
    }
}

/// PROPOSEs that lack something: the right to lead, ROUND-CHANGEs, the highest prepared block, the PREPAREs behind it.
void Hostile::propose_unjustified(const Position& at) {
    const auto round = at.round + static_cast<std::uint32_t>(pick(2));
    auto changes = round == 0 ? Messages{} : some_changes(round, channel().quorum() - pick(2));
    if (!changes.empty() && chance(400)) changes.push_back(changes.back());  // one stands twice
    if (chance(200)) changes.clear();
    const auto block = chance(500) ? some_block() : new_block(round, chance(500));
    const auto hash = proto::as_field(hash_of_bytes(block));
    Messages prepares;
    if (round > 0 && chance(500)) {
        const auto prepared_round = static_cast<std::uint32_t>(pick(round));
        auto claim = prepared_change(round, prepared_round, hash);
        claim.clear_block();
        if (!changes.empty()) changes.back() = claim;
        prepares = some_prepares(prepared_round, hash, channel().quorum() - pick(2));
        if (chance(400))
            while (prepares.size() < channel().quorum()) prepares.push_back(prepares.front());
    }
    send_some(proposal(round, block, changes, prepares), 700);
}

/// As the rightful leader, with enough ROUND-CHANGEs: a block that it says was prepared, on too few PREPAREs or on
/// those for something else.
void Hostile::propose_unbacked(std::uint32_t round) {
    auto changes = some_changes(round, channel().quorum());
    if (round == 0 || changes.size() < channel().quorum() ||
        world_.oracle_.leader(known_.height, round) != node_name(self_.member))
        return;
    if (chance(300)) {  // a fresh block, on one ROUND-CHANGE too few
        changes.erase(changes.begin());
        return send_some(proposal(round, new_block(round, false), changes, {}), 800);
    }
    const auto prepared_round = static_cast<std::uint32_t>(pick(round));
    const auto block = new_block(prepared_round, false);
    const auto hash = proto::as_field(hash_of_bytes(block));
    auto body = ordering::round_change_of(known_.height, round);
    auto& claim = *body.mutable_round_change();
    claim.set_prepared(true);
    claim.set_prepared_round(prepared_round);
    claim.set_prepared_block_hash(hash);
    changes.back() = sign(body);
    auto prepares = some_prepares(prepared_round, hash, channel().quorum());
    if (chance(500))
        for (const auto& [key, by] : known_.prepares)
            for (const auto& [node, prepare] : by)
                if (prepares.size() < channel().quorum()) prepares.push_back(prepare);
    send_some(proposal(round, block, changes, prepares), 800);
}

proto::SignedOrderMessage Hostile::prepared_change(std::uint32_t round, std::uint32_t prepared_round,
                                                   const std::string& hash) {
    auto body = ordering::round_change_of(known_.height, round);
    auto& change = *body.mutable_round_change();
    change.set_prepared(true);
    change.set_prepared_round(prepared_round);
    change.set_prepared_block_hash(hash);
    for (const auto& one : some_prepares(prepared_round, hash, channel().quorum())) *change.add_prepares() = one;
    if (chance(300))
        while (static_cast<std::size_t>(change.prepares_size()) < channel().quorum())
            *change.add_prepares() = *change.prepares().begin();
    if (chance(200) && change.prepares_size() > 1) {  // a forged signature
        auto& forged = *change.mutable_prepares(1);
        forged.set_signature(std::string(64, 'f'));
    }
    auto message = sign(body);
    if (const auto block = known_.blocks.find(hash); block != known_.blocks.end()) message.set_block(block->second);
    return message;
}

/// To the next round or a far one, with a certificate hidden, stale or made up.
void Hostile::change_round(const Position& at) {
    const auto round = chance(700) ? at.round + 1 : at.round + 1 + static_cast<std::uint32_t>(pick(5));
    if (chance(500)) return send_some(sign(ordering::round_change_of(known_.height, round)), 700);
    const auto hash = proto::as_field(hash_of_bytes(some_block()));
    send_some(prepared_change(round, static_cast<std::uint32_t>(pick(round)), hash), 700);
}

/// Anybody's words of any time.
void Hostile::replay() {
    for (std::size_t i = 0; i < 4 && !past_.empty(); ++i)
        if (auto* to = some_other()) world_.send(*to, past_[pick(past_.size())]);
}

/// All members' votes for a block of its choice, well signed, but of another channel or another config epoch.
void Hostile::votes_from_elsewhere(const Position& at) {
    auto* to = some_other();
    if (to == nullptr) return;
    const auto hash = hash_of_bytes(some_block());
    const bool other_channel = chance(500);
    const bool commits = chance(500);
    for (const auto& seat : epoch().seats) {
        auto body = commits ? ordering::commit_of(known_.height, at.round, hash)
                            : ordering::prepare_of(known_.height, at.round, hash);
        body.set_config_epoch(channel().epoch() + (other_channel ? 0 : chance(500) ? 1 : -1));
        proto::SignedOrderMessage message;
        message.set_node(node_name(seat.member));
        message.set_body(body.SerializeAsString());
        const auto sign_there = ordering::stub_sign(signer_of(seat), other_channel ? "bazaar" : ordering::kChannel);
        message.set_signature(proto::as_field(sign_there(as_bytes(message.body()))));
        world_.send(*to, message);
    }
}

/// For a block of this epoch, a vote of its own under the one before: who has not got there yet keeps it as an early
/// one.
void Hostile::say_under_old_epoch(const proto::OrderMessage& body) {
    if (self_.epoch == 0) return;
    const auto& before = world_.epochs_[self_.epoch - 1];
    if (const auto* const seat = before.seat(self_.member))
        send_some(ordering::signed_by(*before.channel, node_name(self_.member), body, signer_of(*seat)), 900);
}

/// Votes in the names of members, with keys that they had before, and of who has left.
void Hostile::use_old_keys(const Position& at) {
    const auto hash = hash_of_bytes(some_block());
    for (std::size_t i = 0; i < self_.epoch; ++i)
        for (const auto& seat : world_.epochs_[i].seats) {
            const auto* const listed = epoch().seat(seat.member);
            if (listed != nullptr && *listed == seat) continue;
            const auto body = chance(500) ? ordering::prepare_of(known_.height, at.round, hash)
                                          : ordering::commit_of(known_.height, at.round, hash);
            send_some(ordering::signed_by(channel(), node_name(seat.member), body, signer_of(seat)), 600);
        }
}

/// Heights and rounds without measure.
void Hostile::boast(const Position& at) {
    if (chance(500)) return send_some(sign(ordering::round_change_of(known_.height, order::kMaxRound)), 600);
    const auto hash = hash_of_bytes(some_block());
    send_some(sign(ordering::prepare_of(at.height + 1 + pick(1'000'000'000), at.round, hash)), 600);
}

}  // namespace fairstream::tests::simulation
