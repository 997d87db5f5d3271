#include "tests/support/ordering/members.hpp"

#include <map>
#include <stdexcept>

#include "identity/crypto/merkle.hpp"
#include "identity/msp/organisation_ca.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::tests::ordering {

namespace crypto = identity::crypto;
using ledger::contract::Channel;

namespace {

constexpr std::uint64_t kGenesisUs = 1'767'225'600'000'000;  // 2026-01-01T00:00:00Z

template <typename T>
T need(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().code + ": " + result.error().message);
    return std::move(*result);
}

struct Issued {
    crypto::SigningKey key;
    std::string certificate;
};

const identity::msp::OrganisationCa& authority() {
    static const auto ca = [] {
        const auto from = base::from_us(kGenesisUs);
        return need(identity::msp::OrganisationCa::create("org", {from, from + std::chrono::hours(9000)}));
    }();
    return ca;
}

/// Made once for each key: certificates take time.
const Issued& issued(const Seat& seat) {
    static std::map<std::pair<std::size_t, std::size_t>, Issued> made;
    if (const auto known = made.find({seat.member, seat.key}); known != made.end()) return known->second;
    const auto from = base::from_us(kGenesisUs);
    const auto key = crypto::SigningKey::generate();
    const auto certificate = need(authority().issue({.role = identity::msp::Role::kNode,
                                                     .name = node_name(seat.member),
                                                     .key = key.public_key(),
                                                     .dns_names = {},
                                                     .ip_names = {},
                                                     .validity = {from, from + std::chrono::hours(8000)}}));
    return made.emplace(std::pair(seat.member, seat.key), Issued{key, proto::as_field(certificate.der)}).first->second;
}

void add_nodes(proto::ChannelConfig& config, const Seats& seats) {
    for (const auto& seat : seats) {
        auto& node = *config.add_nodes();
        node.set_name(node_name(seat.member));
        node.set_organisation("org");
        node.set_certificate(issued(seat).certificate);
    }
}

Members make_members(std::size_t count) {
    const auto custodian = crypto::SigningKey::generate();
    proto::ChannelConfig config;
    config.set_channel(kChannel);
    config.set_epoch(1);
    config.set_created_at_us(kGenesisUs);
    config.set_custody_threshold(1);
    auto& organisation = *config.add_organisations();
    organisation.set_name("org");
    organisation.set_ca_certificate(proto::as_field(authority().certificate_der()));
    organisation.set_custodian_key(proto::as_field(custodian.public_key().compressed()));
    Members out;
    Seats seats;
    for (std::size_t i = 0; i < count; ++i) {
        seats.push_back({i});
        out.keys.push_back(issued(seats.back()).key);
    }
    add_nodes(config, seats);
    auto& limits = *config.mutable_limits();
    limits.set_max_block_transactions(100);
    limits.set_max_block_bytes(1u << 20);
    limits.set_max_transaction_bytes(64u << 10);
    limits.set_block_interval_ms(10);
    limits.set_seal_after_ms(50);
    limits.set_round_timeout_ms(400);
    limits.set_max_round_timeout_ms(3000);
    out.channel = need(Channel::make(proto::encode(config)));
    return out;
}

}  // namespace

const Members& members(std::size_t count) {
    static std::map<std::size_t, Members> made;
    const auto known = made.find(count);
    return known != made.end() ? known->second : made.emplace(count, make_members(count)).first->second;
}

std::string node_name(std::size_t index) {
    return "node" + std::to_string(index);
}

std::string signer_of(const Seat& seat) {
    return node_name(seat.member) + (seat.key == 0 ? "" : "#" + std::to_string(seat.key));
}

std::shared_ptr<const Channel> successor(const Channel& before, const Seats& seats) {
    auto config = before.config();
    config.set_epoch(before.epoch() + 1);
    config.set_created_at_us(before.config().created_at_us() + 1);
    config.clear_nodes();
    add_nodes(config, seats);
    return need(before.successor(proto::encode(config)));
}

order::Sign stub_sign(const std::string& node, const std::string& channel) {
    return [node, channel](ByteView body) {
        const auto hash = crypto::sha256_of({as_bytes(node), as_bytes(channel), body});
        crypto::Signature signature{};
        std::copy(hash.begin(), hash.end(), signature.begin());
        return signature;
    };
}

bool stub_check(std::string_view node, ByteView body, ByteView signature) {
    const auto expected = stub_sign(std::string(node))(body);
    return as_text(expected) == as_text(signature);
}

order::Tip genesis_tip(const Channel& channel) {
    return {0,
            crypto::sha256(as_bytes("the genesis of " + channel.name())),
            channel.config().created_at_us(),
            outcomes_of({}),
            false,
            {}};
}

/// Any function of the transactions will do: all nodes compute the same.
Hash outcomes_of(const proto::Block& block) {
    std::vector<Hash> leaves;
    for (const auto& transaction : block.transactions()) leaves.push_back(crypto::merkle_leaf(as_bytes(transaction)));
    return crypto::merkle_root(leaves);
}

order::Tip tip_after(const Channel& channel, const order::Tip& parent, const proto::Block& block) {
    const auto header = need(proto::decode<proto::BlockHeader>(block.header()));
    return {header.height(),
            hash_of(block),
            header.time_us(),
            outcomes_of(block),
            block.transactions_size() > 0,
            order::absences_after(channel, parent.absences, header)};
}

proto::Block block_on(const Channel& channel, const order::Tip& parent, std::uint32_t round,
                      const std::vector<std::string>& transactions, std::uint64_t time_us) {
    proto::Block block;
    for (const auto& transaction : transactions) block.add_transactions(transaction);
    proto::BlockHeader header;
    header.set_channel(channel.name());
    header.set_height(parent.height + 1);
    header.set_previous_hash(proto::as_field(parent.hash));
    header.set_transactions_root(proto::as_field(outcomes_of(block)));
    header.set_previous_outcomes_root(proto::as_field(parent.outcomes_root));
    header.set_time_us(std::max(time_us, parent.time_us + 1));
    header.set_proposer(order::leader(channel, parent.absences, parent.height + 1, round));
    header.set_round(round);
    header.set_config_epoch(channel.epoch());
    block.set_header(header.SerializeAsString());
    return block;
}

Hash hash_of(const proto::Block& block) {
    return crypto::sha256(as_bytes(block.header()));
}

proto::SignedOrderMessage signed_by(const Channel& channel, const std::string& node, proto::OrderMessage body,
                                    const std::string& signer) {
    body.set_config_epoch(channel.epoch());
    proto::SignedOrderMessage message;
    message.set_node(node);
    message.set_body(body.SerializeAsString());
    message.set_signature(proto::as_field(stub_sign(signer.empty() ? node : signer)(as_bytes(message.body()))));
    return message;
}

namespace {

template <typename Vote>
void fill(Vote& vote, std::uint64_t height, std::uint32_t round, const Hash& block) {
    vote.set_height(height);
    vote.set_round(round);
    vote.set_block_hash(proto::as_field(block));
}

}  // namespace

proto::OrderMessage prepare_of(std::uint64_t height, std::uint32_t round, const Hash& block) {
    proto::OrderMessage body;
    fill(*body.mutable_prepare(), height, round, block);
    return body;
}

proto::OrderMessage commit_of(std::uint64_t height, std::uint32_t round, const Hash& block) {
    proto::OrderMessage body;
    fill(*body.mutable_commit(), height, round, block);
    return body;
}

proto::OrderMessage propose_of(std::uint64_t height, std::uint32_t round, const Hash& block) {
    proto::OrderMessage body;
    fill(*body.mutable_propose(), height, round, block);
    return body;
}

proto::OrderMessage round_change_of(std::uint64_t height, std::uint32_t round) {
    proto::OrderMessage body;
    body.mutable_round_change()->set_height(height);
    body.mutable_round_change()->set_round(round);
    return body;
}

}  // namespace fairstream::tests::ordering
