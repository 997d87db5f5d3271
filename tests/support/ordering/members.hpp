#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ledger/order/replica.hpp"

/// A channel of n ordering nodes, "node0" and so on, of one organisation, and what they might send. Signatures are
/// stubs (a hash of signer and body) wherever the replica, not cryptography, is under test.
namespace fairstream::tests::ordering {

namespace order = ledger::order;
namespace proto = ledger::proto;
using Hash = identity::crypto::Hash;

struct Members {
    std::shared_ptr<const ledger::contract::Channel> channel;
    std::vector<identity::crypto::SigningKey> keys;
};

/// Made once for each size: certificates take time. Limits: gather 10 ms, seal after 50 ms, rounds 400 ms to 3 s.
const Members& members(std::size_t count);
std::string node_name(std::size_t index);

/// One entry of a channel config: a member, and which of its keys is listed. `members(n)` lists each one's first.
struct Seat {
    std::size_t member = 0;
    std::size_t key = 0;
    bool operator==(const Seat&) const = default;
};
using Seats = std::vector<Seat>;
/// Whose stub signatures a seat's are: "node2" with its first key, "node2#1" with the one that replaced it.
std::string signer_of(const Seat& seat);
/// The channel under the config that follows `before`, with these nodes.
std::shared_ptr<const ledger::contract::Channel> successor(const ledger::contract::Channel& before, const Seats& seats);

constexpr const char* kChannel = "market";
order::Sign stub_sign(const std::string& node, const std::string& channel = kChannel);
bool stub_check(std::string_view node, ByteView body, ByteView signature);

/// The tip before the first block. Its hash is the same in every process although certificates never are, so that one
/// seed is one run wherever it runs.
order::Tip genesis_tip(const ledger::contract::Channel& channel);
Hash outcomes_of(const proto::Block& block);
order::Tip tip_after(const ledger::contract::Channel& channel, const order::Tip& parent, const proto::Block& block);

/// A well-formed block on `parent`, first proposed by the leader of `round`.
proto::Block block_on(const ledger::contract::Channel& channel, const order::Tip& parent, std::uint32_t round,
                      const std::vector<std::string>& transactions, std::uint64_t time_us);
Hash hash_of(const proto::Block& block);

// Messages as `node` would sign them; with another signer's stub if one is named.
proto::SignedOrderMessage signed_by(const ledger::contract::Channel& channel, const std::string& node,
                                    proto::OrderMessage body, const std::string& signer = {});
proto::OrderMessage prepare_of(std::uint64_t height, std::uint32_t round, const Hash& block);
proto::OrderMessage commit_of(std::uint64_t height, std::uint32_t round, const Hash& block);
proto::OrderMessage propose_of(std::uint64_t height, std::uint32_t round, const Hash& block);
proto::OrderMessage round_change_of(std::uint64_t height, std::uint32_t round);

}  // namespace fairstream::tests::ordering
