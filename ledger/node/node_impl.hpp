#pragma once

#include <optional>

#include "base/net/rpc.hpp"
#include "ledger/endorse/endorser.hpp"
#include "ledger/gateway/gateway.hpp"
#include "ledger/node/chain.hpp"
#include "ledger/node/mempool.hpp"
#include "ledger/node/node.hpp"
#include "ledger/node/ordering.hpp"
#include "ledger/sync/block_fetcher.hpp"
#include "ledger/sync/private_fetcher.hpp"

namespace fairstream::ledger::node {

/// The parts of a node and what passes between them. Loop thread, but where said.
struct Node::Impl final : gateway::Surroundings {
    Impl(base::net::Loop& used_loop, NodeConfig used_config, base::Metrics& used_metrics);
    ~Impl() override = default;

    // node.cpp: from start to stop
    Status open();
    Status check_identity() const;
    Status listen();
    void begin();
    void stop();
    Health health() const;

    // node_flow.cpp: transactions and blocks
    Status ready() const override;
    gateway::Progress progress() const override;
    void ask_endorser(const std::string& organisation, Bytes request, std::chrono::milliseconds timeout,
                      std::function<void(Result<Bytes>)> on_reply) override;
    void submit(Bytes transaction, std::function<void(Result<Hash>)> on_admitted) override;
    void admit(Bytes transaction, std::function<void(Result<Hash>, const Bytes&)> on_admitted);
    void keep(const Hash& id, Bytes transaction, const std::function<void(Result<Hash>, const Bytes&)>& on_admitted);
    void commit(proto::DecidedBlock decided);
    void committed(const AppliedBlock& applied);
    void take_fetched(proto::DecidedBlock decided);
    void failed(const Error& error);
    void expire_waiting();

    // peer_service.cpp: what other nodes ask
    void on_peer_call(base::net::RpcCall call, std::shared_ptr<base::net::Responder> responder);
    void on_peer_notice(base::net::RpcCall call);
    void on_order_message(Bytes payload);

    base::net::Loop& loop;
    NodeConfig config;
    base::Metrics& metrics;
    std::shared_ptr<const contract::Channel> channel;
    std::string organisation;
    base::net::LoopScope scope;

    // Stores first, then who uses them; the threads end before any of them goes.
    std::unique_ptr<Chain> chain;
    std::unique_ptr<order::VoteLog> votes;
    order::Recovered recovered;
    std::unique_ptr<endorse::Endorser> endorser;
    std::unique_ptr<Mempool> mempool;
    std::unique_ptr<sync::PeerDirectory> directory;
    std::unique_ptr<sync::Peers> peers;
    std::unique_ptr<base::Pool> pool;
    std::unique_ptr<base::Pool> writer;  // one thread
    std::unique_ptr<Ordering> ordering;
    std::unique_ptr<sync::BlockFetcher> block_fetcher;
    std::unique_ptr<sync::PrivateFetcher> private_fetcher;
    std::unique_ptr<gateway::Gateway> gateway_service;
    std::unique_ptr<base::net::RpcServer> peer_server;
    std::unique_ptr<base::net::RpcServer> gateway_server;

    bool stopped = false;
    std::optional<Error> failure;
    std::size_t order_messages_in_pool = 0;
    std::size_t admissions_in_pool = 0;
    std::size_t endorser_turn = 0;
};

}  // namespace fairstream::ledger::node
