#include "tests/scenario/cluster.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "ledger/proto/wire.hpp"

namespace fairstream::tests::scenario {

using order::Step;
using ordering::node_name;

namespace {

std::string kind_of(const proto::SignedOrderMessage& message) {
    constexpr const char* kKinds[] = {"ROUND-CHANGE", "PROPOSE", "PREPARE", "COMMIT"};
    const auto body = proto::decode<proto::OrderMessage>(message.body());
    return kKinds[static_cast<std::size_t>(order::position_of(*body).step)];
}

void put(const std::filesystem::path& file, const Bytes& bytes) {
    std::ofstream out(file, std::ios::binary | std::ios::trunc);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    if (!out.flush()) throw std::runtime_error("cannot write " + file.string());
}

}  // namespace

Cluster::Cluster(std::size_t nodes) : members_(ordering::members(nodes)) {
    for (std::size_t i = 0; i < nodes; ++i) {
        auto& node = nodes_.emplace_back();
        node.name = node_name(i);
        node.tip = ordering::genesis_tip(*members_.channel);
        node.paths = {folder_ / (node.name + ".votes"), folder_ / (node.name + ".guard"), /*cut_above=*/1};
    }
    for (auto& node : nodes_) restart(node.name);
}

Cluster::Node& Cluster::find(const std::string& name) {
    const auto found = std::ranges::find(nodes_, name, &Node::name);
    if (found == nodes_.end()) throw std::runtime_error("no node " + name);
    return *found;
}

const Cluster::Node& Cluster::find(const std::string& name) const {
    const auto found = std::ranges::find(nodes_, name, &Node::name);
    if (found == nodes_.end()) throw std::runtime_error("no node " + name);
    return *found;
}

std::vector<std::string> Cluster::names() const {
    std::vector<std::string> out;
    for (const auto& node : nodes_) out.push_back(node.name);
    return out;
}

void Cluster::submit(const std::string& name, const std::string& transaction) {
    auto& node = find(name);
    node.pool.insert(transaction);
    if (node.replica) step(node, order::WaitingChanged{waiting(node)});
}

std::vector<Cluster::InFlight> Cluster::take(const std::string& kind, const std::string& from, const std::string& to) {
    const auto stays = [&](const InFlight& one) {
        return (!kind.empty() && one.kind != kind) || (!from.empty() && one.from != from) ||
               (!to.empty() && one.to != to);
    };
    const auto taken = std::stable_partition(in_flight_.begin(), in_flight_.end(), stays);
    std::vector<InFlight> out(taken, in_flight_.end());
    in_flight_.erase(taken, in_flight_.end());
    return out;
}

std::size_t Cluster::deliver(const std::string& kind, const std::string& from, const std::string& to) {
    std::size_t count = 0;
    for (const auto& one : take(kind, from, to)) {
        auto& node = find(one.to);
        if (!node.replica || !reachable(one.from, one.to)) continue;
        ++count;
        auto received = order::verify_message(*members_.channel, one.message, ordering::stub_check);
        if (!received) {
            node.refused.insert(received.error().code);
            continue;
        }
        step(node, order::Message{std::move(*received)});
    }
    return count;
}

std::size_t Cluster::drop(const std::string& kind, const std::string& from, const std::string& to) {
    return take(kind, from, to).size();
}

void Cluster::deliver_all() {
    while (!in_flight_.empty()) deliver("", "", "");
}

bool Cluster::time_out(const std::string& name) {
    auto& node = find(name);
    if (!node.replica || !node.timer) return false;
    node.now = std::max(node.now, *node.timer);
    node.timer.reset();
    step(node, order::Tick{});
    return true;
}

void Cluster::crash(const std::string& name) {
    auto& node = find(name);
    node.replica.reset();
    node.votes.reset();
    node.timer.reset();
    node.pool.clear();  // a mempool is in memory
}

void Cluster::restart(const std::string& name) {
    auto& node = find(name);
    while (node.tip.height < node.chain.size()) apply(node);
    auto opened = order::VoteLog::open(node.paths, node.tip.height);
    node.may_vote = opened.has_value();
    if (!opened) {
        node.refused.insert(opened.error().code);
        return;
    }
    node.votes = std::move(opened->log);
    node.replica.emplace(members_.channel, node.name, ordering::stub_sign(node.name));
    step(node, order::Start{node.tip, std::move(opened->recovered), waiting(node)});
}

void Cluster::tear(const std::string& name) {
    auto bytes = base::read_file(find(name).paths.log).value();
    const auto half = bytes.size() / 2;
    base::append(bytes, ByteView(Bytes(bytes)).subspan(8, std::min<std::size_t>(half, 100)));
    put(find(name).paths.log, bytes);
}

void Cluster::lose_end(const std::string& name) {
    auto bytes = base::read_file(find(name).paths.log).value();
    bytes.pop_back();
    put(find(name).paths.log, bytes);
}

void Cluster::lose_log(const std::string& name) {
    std::filesystem::remove(find(name).paths.log);
}

void Cluster::lose_guard(const std::string& name) {
    std::filesystem::remove(find(name).paths.guard);
}

void Cluster::keep_log(const std::string& name) {
    find(name).kept = base::read_file(find(name).paths.log).value();
}

void Cluster::restore_log(const std::string& name) {
    put(find(name).paths.log, find(name).kept);
}

proto::Block Cluster::block_of(std::uint32_t round, const std::vector<std::string>& transactions,
                               const order::Tip& on) const {
    return ordering::block_on(*members_.channel, on, round, transactions, 0);
}

void Cluster::forge(const std::string& name, const Forged& what, const std::string& to) {
    const auto& node = find(name);
    const auto height = node.tip.height + 1;
    const auto block = block_of(what.round, {what.transaction}, node.tip);
    const auto hash = ordering::hash_of(block);
    auto body = what.kind == "PREPARE"   ? ordering::prepare_of(height, what.round, hash)
                : what.kind == "COMMIT"  ? ordering::commit_of(height, what.round, hash)
                : what.kind == "PROPOSE" ? ordering::propose_of(height, what.round, hash)
                                         : ordering::round_change_of(height, what.round);
    body.set_config_epoch(what.epoch);
    proto::SignedOrderMessage message;
    message.set_node(name);
    message.set_body(body.SerializeAsString());
    message.set_signature(proto::as_field(ordering::stub_sign(name)(as_bytes(message.body()))));
    if (what.kind == "PROPOSE") message.set_block(block.SerializeAsString());
    for (const auto& other : nodes_)
        if (other.name != name && (to.empty() || to == other.name))
            in_flight_.push_back({name, other.name, what.kind, message});
}

bool Cluster::says(const std::string& name, const std::string& kind) const {
    return std::ranges::any_of(in_flight_, [&](const InFlight& one) { return one.from == name && one.kind == kind; });
}

void Cluster::step(Node& node, order::Event event) {
    std::deque<order::Event> events{std::move(event)};
    for (; node.replica && !events.empty(); events.pop_front()) {
        const auto actions = node.replica->step(events.front(), node.now);
        std::vector<Bytes> records;
        for (const auto& action : actions)
            if (const auto* one = std::get_if<order::Persist>(&action)) records.push_back(one->record);
        if (!records.empty())
            if (auto written = node.votes->append(records); !written) throw std::runtime_error(written.error().message);
        for (const auto& action : actions) act(node, action, events);
    }
}

void Cluster::act(Node& node, const order::Action& action, std::deque<order::Event>& answers) {
    if (const auto* one = std::get_if<order::SetTimer>(&action)) node.timer = one->deadline;
    if (const auto* one = std::get_if<order::Refused>(&action)) node.refused.insert(one->error.code);
    if (const auto* one = std::get_if<order::DoubleVote>(&action)) node.accused.insert(one->first.node());
    if (const auto* one = std::get_if<order::Broadcast>(&action))
        for (const auto& other : nodes_)
            if (other.name != node.name)
                in_flight_.push_back({node.name, other.name, kind_of(one->message), one->message});
    if (const auto* one = std::get_if<order::CheckBlock>(&action))
        answers.push_back(order::BlockChecked{one->height, one->block_hash, {}});
    if (const auto* one = std::get_if<order::BuildBlock>(&action)) {
        order::BlockBuilt built{one->height, one->round, {}};
        if (!node.pool.empty() || one->empty_allowed)
            built.block = proto::encode(block_of(one->round, {node.pool.begin(), node.pool.end()}, one->parent));
        answers.push_back(std::move(built));
    }
    if (const auto* one = std::get_if<order::Decided>(&action)) store(node, *one, answers);
    if (const auto* one = std::get_if<order::FetchBlocks>(&action)) fetch(node, one->from, answers);
}

void Cluster::store(Node& node, const order::Decided& decision, std::deque<order::Event>& answers) {
    node.timer.reset();
    auto& stored = node.chain.emplace_back();
    stored.set_block(proto::as_field(decision.block));
    stored.set_certificate(decision.certificate.SerializeAsString());
    if (std::exchange(node.crash_after_block, false)) return crash(node.name);
    apply(node);
    if (auto cut = node.votes->cut(node.tip.height); !cut) throw std::runtime_error(cut.error().message);
    answers.push_back(order::Applied{node.tip, waiting(node)});
}

/// The next stored block.
void Cluster::apply(Node& node) {
    const auto block = *proto::decode<proto::Block>(node.chain.at(node.tip.height).block());
    node.tip = ordering::tip_after(*members_.channel, node.tip, block);
    for (const auto& transaction : block.transactions()) node.pool.erase(transaction);
}

void Cluster::fetch(Node& node, std::uint64_t from, std::deque<order::Event>& answers) {
    for (const auto& other : nodes_) {
        if (!other.replica || other.chain.size() < from || !reachable(node.name, other.name)) continue;
        const auto& decided = other.chain[from - 1];
        answers.push_back(order::CaughtUp{to_bytes(as_bytes(decided.block())),
                                          *proto::decode<proto::CommitCertificate>(decided.certificate())});
        return;
    }
}

Cluster::View Cluster::view(const std::string& name) const {
    const auto& node = find(name);
    View out;
    out.up = node.replica.has_value();
    out.may_vote = node.may_vote;
    out.height = node.tip.height;
    out.round = node.replica ? node.replica->round() : 0;
    out.timer = node.timer.has_value();
    out.refused = node.refused;
    out.accused = node.accused;
    for (const auto& decided : node.chain) {
        const auto block = *proto::decode<proto::Block>(decided.block());
        out.blocks.emplace_back(block.transactions().begin(), block.transactions().end());
    }
    return out;
}

std::string Cluster::leader(std::uint32_t round) const {
    const auto& longest = *std::ranges::max_element(nodes_, {}, [](const Node& node) { return node.tip.height; });
    return order::leader(*members_.channel, longest.tip.absences, longest.tip.height + 1, round);
}

}  // namespace fairstream::tests::scenario
