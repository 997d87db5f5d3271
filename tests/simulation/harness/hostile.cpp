#include "tests/simulation/harness/hostile.hpp"

#include <algorithm>

#include "ledger/proto/wire.hpp"

namespace fairstream::tests::simulation {

using order::Position;
using order::Step;
using ordering::node_name;

namespace {

constexpr std::size_t kRemembered = 400;

Hash hash_field(const std::string& field) {
    return identity::crypto::to_hash(as_bytes(field)).value_or(Hash{});
}

std::string hash_of_block(const std::string& bytes) {
    const auto block = proto::decode<proto::Block>(bytes);
    return block ? proto::as_field(ordering::hash_of(*block)) : std::string(32, 'x');
}

}  // namespace

// ---- What it knows
// ------------------------------------------------------------------------------------------------------

void Hostile::heard(const order::Received& received) {
    auto bare = received.envelope;
    bare.clear_block();
    if (past_.size() < kRemembered)
        past_.push_back(received.envelope);
    else
        past_[pick(kRemembered)] = received.envelope;

    const auto at = order::position_of(received.body);
    if (at.height > known_.height)
        known_ = Known{.height = at.height, .blocks = {}, .changes = {}, .prepares = {}, .commits = {}};
    if (at.height < known_.height) return;
    known_.round = std::max(known_.round, std::min<std::uint32_t>(at.round, 50));
    const auto& node = received.envelope.node();
    const auto& body = received.body;
    if (!received.envelope.block().empty())
        known_.blocks[hash_of_block(received.envelope.block())] = received.envelope.block();
    if (body.has_prepare()) known_.prepares[{at.round, body.prepare().block_hash()}][node] = bare;
    if (body.has_commit()) known_.commits[{at.round, body.commit().block_hash()}][node] = bare;
    if (body.has_round_change()) known_.changes[at.round][node] = bare;
    if (mutant_ || world_.calm()) return;
    if (body.has_round_change() && at.round < 50 && chance(300)) propose_unbacked(at.round);
    if (chance(250)) attack(at);
}

std::string Hostile::some_block() {
    if (known_.blocks.empty()) return new_block(known_.round, false);
    auto at = known_.blocks.begin();
    std::advance(at, pick(known_.blocks.size()));
    return at->second;
}

/// A block on its own tip, as a leader would make it; or one that breaks a rule.
std::string Hostile::new_block(std::uint32_t round, bool odd) {
    std::vector<std::string> transactions;
    const auto all = world_.bank_.all();  // committed ones too: their ids are used up
    for (std::size_t i = pick(4); i > 0 && !all.empty(); --i) transactions.push_back(all[pick(all.size())]);
    const auto oddness = odd ? pick(8) : 8;
    if (oddness == 0) transactions.push_back("no transaction");
    auto parent = self_.tip;
    if (oddness == 1) parent.hash[3] ^= 1;
    if (oddness == 2) parent.outcomes_root[3] ^= 1;
    auto block = ordering::block_on(channel(), parent, round, transactions, world_.wall_us(self_));
    auto header = *proto::decode<proto::BlockHeader>(block.header());
    if (oddness == 3 || oddness == 4) header.set_proposer(node_name(pick(channel().nodes().size())));
    if (oddness == 5) header.set_round(header.round() + 1);
    if (oddness == 6) header.set_time_us(1);
    if (oddness == 7) header.set_config_epoch(header.config_epoch() + (chance(500) ? 1 : -1));
    block.set_header(header.SerializeAsString());
    auto bytes = block.SerializeAsString();
    known_.blocks[hash_of_block(bytes)] = bytes;
    return bytes;
}

Hostile::Messages Hostile::some_changes(std::uint32_t round, std::size_t count) {
    Messages out;
    for (const auto& [node, message] : known_.changes[round])
        if (node != node_name(self_.member)) out.push_back(message);
    for (std::size_t i = out.size(); i > 1; --i) std::swap(out[i - 1], out[pick(i)]);
    out.push_back(sign(ordering::round_change_of(known_.height, round)));
    if (out.size() > count) out.erase(out.begin(), out.end() - static_cast<std::ptrdiff_t>(count));
    return out;
}

Hostile::Messages Hostile::some_prepares(std::uint32_t round, const std::string& hash, std::size_t count) {
    Messages out{sign(ordering::prepare_of(known_.height, round, hash_field(hash)))};
    for (const auto& [node, message] : known_.prepares[{round, hash}])
        if (node != node_name(self_.member) && out.size() < count) out.push_back(message);
    return out;
}

// ---- What it sends
// ------------------------------------------------------------------------------------------------------

proto::SignedOrderMessage Hostile::sign(const proto::OrderMessage& body) const {
    return ordering::signed_by(channel(), node_name(self_.member), body, signer_of({self_.member, self_.key}));
}

void Hostile::send_some(const proto::SignedOrderMessage& message, int permille) {
    for (auto& other : world_.nodes_)
        if (other->member != self_.member && world_.connected(self_.member, other->member) && chance(permille))
            world_.send(*other, message);
}

Simulation::Node* Hostile::some_other() {
    auto& node = *world_.nodes_[pick(world_.nodes_.size())];
    return node.member == self_.member || !world_.connected(self_.member, node.member) ? nullptr : &node;
}

void Hostile::say(const proto::SignedOrderMessage& message) {
    if (mutant_) {
        const bool changed = chance(200);
        const auto other = changed ? mutate(message) : message;
        for (auto& to : world_.nodes_)
            if (to->member != self_.member && world_.connected(self_.member, to->member))
                world_.send(*to, changed && chance(600) ? other : message);
        return;
    }
    const auto body = *proto::decode<proto::OrderMessage>(message.body());
    if (body.has_propose() && chance(500)) return equivocate(message, body.propose());
    // For the next height, which may be of another epoch by the time it begins.
    if (body.has_commit() && self_.epoch + 1 < world_.epochs_.size() && chance(500))
        send_some(sign(ordering::round_change_of(order::position_of(body).height + 1, 1)), 900);
    const bool first_of_epoch = self_.epoch > 0 && order::position_of(body).height == self_.since;
    if ((body.has_prepare() || body.has_commit()) && first_of_epoch && chance(600)) return say_under_old_epoch(body);
    // Withheld, selective, or as an honest member would.
    const int permille = chance(600) ? 1000 : chance(500) ? 400 : 0;
    send_some(message, permille);
}

/// One small change, signed again.
proto::SignedOrderMessage Hostile::mutate(const proto::SignedOrderMessage& message) {
    auto body = *proto::decode<proto::OrderMessage>(message.body());
    auto block = message.block();
    const auto alter = [&](auto& vote) {
        switch (pick(4)) {
            case 0:
                vote.set_round(vote.round() + 1);
                break;
            case 1:
                vote.set_round(vote.round() == 0 ? 0 : vote.round() - 1);
                break;
            case 2:
                vote.set_height(vote.height() + (chance(500) ? 1 : -1));
                break;
            default: {
                const auto other = some_block();
                vote.set_block_hash(hash_of_block(other));
                if (!block.empty()) block = other;
            }
        }
    };
    if (body.has_prepare()) alter(*body.mutable_prepare());
    if (body.has_commit()) alter(*body.mutable_commit());
    if (body.has_propose()) {
        auto& propose = *body.mutable_propose();
        if (chance(400) && propose.round_changes_size() > 0)
            propose.mutable_round_changes()->RemoveLast();
        else if (chance(400) && propose.prepares_size() > 0)
            propose.mutable_prepares()->RemoveLast();
        else
            alter(propose);
    }
    if (body.has_round_change()) {
        auto& change = *body.mutable_round_change();
        switch (pick(4)) {
            case 0:
                change.set_round(change.round() + 1);
                break;
            case 1:  // it forgets what it prepared
                change.clear_prepared();
                change.clear_prepared_round();
                change.clear_prepared_block_hash();
                change.clear_prepares();
                block.clear();
                break;
            case 2:
                if (change.prepared()) change.set_prepared_round(change.prepared_round() + 1);
                break;
            default:
                if (change.prepares_size() > 0) change.mutable_prepares()->RemoveLast();
        }
    }
    auto out = sign(body);
    out.set_block(block);
    return out;
}

std::deque<proto::DecidedBlock> Hostile::serve(std::uint64_t from) {
    std::deque<proto::DecidedBlock> out;
    if (self_.chain.size() >= from)
        out = {self_.chain.begin() + static_cast<std::ptrdiff_t>(from - 1), self_.chain.end()};
    if (mutant_ || chance(500)) return out;
    // A forged one: the certificate has too few COMMITs, the same one often, of several rounds, of another epoch or
    // step, or is another block's.
    const auto bytes = from == known_.height ? some_block() : new_block(0, false);
    const auto hash = hash_of_block(bytes);
    proto::CommitCertificate certificate;
    certificate.set_height(from);
    certificate.set_round(static_cast<std::uint32_t>(pick(2)));
    certificate.set_block_hash(hash);
    for (const auto& [key, by] : known_.commits)
        if (key.second == hash && (key.first == certificate.round() || chance(300)))
            for (const auto& [node, commit] : by) *certificate.add_commits() = commit;
    const auto own = sign(ordering::commit_of(from, certificate.round(), hash_field(hash)));
    const auto quorum = static_cast<int>(channel().quorum());
    switch (pick(4)) {
        case 0:
            while (certificate.commits_size() < quorum) *certificate.add_commits() = own;
            break;
        case 1:
            for (const auto& [key, by] : known_.prepares)
                if (key.second == hash)
                    for (const auto& [node, prepare] : by) *certificate.add_commits() = prepare;
            break;
        case 2:
            for (const auto& seat : epoch().seats) {
                auto body = ordering::commit_of(from, certificate.round(), hash_field(hash));
                body.set_config_epoch(channel().epoch() + 1);
                auto commit = own;
                commit.set_node(node_name(seat.member));
                commit.set_body(body.SerializeAsString());
                commit.set_signature(proto::as_field(ordering::stub_sign(signer_of(seat))(as_bytes(commit.body()))));
                *certificate.add_commits() = commit;
            }
            break;
        default:
            *certificate.add_commits() = own;
    }
    proto::DecidedBlock forged;
    forged.set_block(bytes);
    forged.set_certificate(certificate.SerializeAsString());
    out.clear();
    out.push_back(forged);
    return out;
}

}  // namespace fairstream::tests::simulation
