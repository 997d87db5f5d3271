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

Members make_members(std::size_t count) {
    const auto from = base::from_us(kGenesisUs);
    const auto ca = need(identity::msp::OrganisationCa::create("org", {from, from + std::chrono::hours(9000)}));
    const auto custodian = crypto::SigningKey::generate();
    proto::ChannelConfig config;
    config.set_channel(kChannel);
    config.set_epoch(1);
    config.set_created_at_us(kGenesisUs);
    config.set_custody_threshold(1);
    auto& organisation = *config.add_organisations();
    organisation.set_name("org");
    organisation.set_ca_certificate(proto::as_field(ca.certificate_der()));
    organisation.set_custodian_key(proto::as_field(custodian.public_key().compressed()));
    Members out;
    for (std::size_t i = 0; i < count; ++i) {
        out.keys.push_back(crypto::SigningKey::generate());
        auto& node = *config.add_nodes();
        node.set_name(node_name(i));
        node.set_organisation("org");
        node.set_certificate(proto::as_field(need(ca.issue({.role = identity::msp::Role::kNode,
                                                            .name = node_name(i),
                                                            .key = out.keys.back().public_key(),
                                                            .dns_names = {},
                                                            .ip_names = {},
                                                            .validity = {from, from + std::chrono::hours(8000)}}))
                                                 .der));
    }
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
    return {0, channel.genesis_hash(), channel.config().created_at_us(), outcomes_of({}), false, {}};
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

proto::SignedOrderMessage signed_by(const Channel& channel, const std::string& node, proto::OrderMessage body) {
    body.set_config_epoch(channel.epoch());
    proto::SignedOrderMessage message;
    message.set_node(node);
    message.set_body(body.SerializeAsString());
    message.set_signature(proto::as_field(stub_sign(node)(as_bytes(message.body()))));
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
