#pragma once

#include <optional>

#include "base/net/rpc.hpp"
#include "ledger/endorse/endorser.hpp"
#include "ledger/gateway/gateway.hpp"
#include "ledger/node/admission.hpp"
#include "ledger/node/block_check.hpp"
#include "ledger/node/chain.hpp"
#include "ledger/node/mempool.hpp"
#include "ledger/node/node.hpp"
#include "ledger/node/ordering.hpp"
#include "ledger/node/snapshotter.hpp"
#include "ledger/node/transaction_frame.hpp"
#include "ledger/sync/block_fetcher.hpp"
#include "ledger/sync/private_fetcher.hpp"
#include "ledger/sync/snapshot_fetcher.hpp"

namespace fairstream::ledger::node {

class ShortProposal;

/// The parts of a node and what passes between them. Loop thread, but where said.
struct Node::Impl final : gateway::Surroundings {
    Impl(base::net::Loop& used_loop, NodeConfig used_config, base::Metrics& used_metrics);
    ~Impl() override = default;

    // node.cpp: from start to stop
    Status open();
    Status check_certificate(const std::string& pem, const identity::crypto::SigningKey& key) const;
    Status check_identity() const;
    base::net::TlsConfig own_tls() const;
    Status show_certificate();
    Status use_certificate(std::string pem);
    Status listen();
    void begin();
    void stop();
    Health health() const;

    // node_flow.cpp: transactions and blocks
    Status ready() const override;
    std::string refusals() const;
    gateway::Progress progress() const override;
    void ask_endorser(const std::string& organisation, Bytes request, std::chrono::milliseconds timeout,
                      std::function<void(Result<Bytes>)> on_reply) override;
    void commit(proto::DecidedBlock decided);
    void committed(const AppliedBlock& applied);
    void enter_epoch(std::shared_ptr<const contract::Channel> next);
    void take_fetched(proto::DecidedBlock decided);
    void failed(const Error& error);
    void expire_waiting();

    // node_join.cpp: snapshots, and going on from one
    void prepare_snapshots();
    Result<proto::SnapshotOffer> offer_snapshot(const proto::SnapshotRequest& request);
    void state_snapshot(const proto::SnapshotStatement& statement);
    void behind(std::uint64_t known_height, bool pruned);
    void snapshot_here(std::optional<snapshot::Kept> snapshot);
    void install_when_quiet();
    void installed(const Status& status, const order::Tip& tip, const order::Position& last);

    // node_admission.cpp: transactions on their way into the mempool
    struct Candidate {
        Bytes transaction;
        std::function<void(Result<Hash>)> on_admitted;
        bool hand_on = false;  // to every orderer, once it is admitted
    };
    void submit(Bytes transaction, std::function<void(Result<Hash>)> on_admitted) override;
    void take_from_peer(const std::string& from, ByteView frame);
    void admit(std::vector<Candidate> candidates);
    void check_some(std::vector<Candidate> candidates);
    void keep(std::vector<Candidate> candidates, const std::vector<Result<Admitted>>& checked);

    // peer_service.cpp: what other nodes ask
    void on_peer_call(base::net::RpcCall call, std::shared_ptr<base::net::Responder> responder);
    void on_peer_notice(base::net::RpcCall call);
    struct PeerNotice {
        proto::PeerMethod method{};
        std::string from;
        Bytes payload;
    };
    void on_order_notice(PeerNotice notice);
    void on_order_message(PeerNotice notice);
    bool room_for_order_message() const;
    void take_order_message(const std::shared_ptr<const contract::Channel>& used, PeerNotice early,
                            Result<order::Received> checked);                             // from the pool
    Result<proto::EndorsedBatch> endorse_for_peer(const proto::EndorseRequest& request);  // in the pool
    void keep_for_next_epoch(PeerNotice notice);
    void take_kept_messages();

    // node_proposals.cpp: proposed blocks
    void broadcast(const proto::SignedOrderMessage& message);
    void on_proposal(PeerNotice notice);
    void ask_for(const std::shared_ptr<const contract::Channel>& used, const std::string& from,
                 const std::shared_ptr<ShortProposal>& proposal);
    static Result<Bytes> serve_transactions(const std::shared_ptr<const std::string>& proposed,
                                            const proto::TransactionsRequest& request);  // in the pool

    base::net::Loop& loop;
    NodeConfig config;
    base::Metrics& metrics;
    contract::NodeKeys keys;
    std::optional<contract::Channels> channels;        // all epochs; threads other than the loop's look here
    std::shared_ptr<const contract::Channel> channel;  // in force for the next block
    std::string organisation;
    base::TimePoint certificate_until{};
    base::net::LoopScope scope;

    // Stores first, then who uses them; the threads end before any of them goes.
    validate::CheckedBefore checked_before;
    std::unique_ptr<Chain> chain;
    std::unique_ptr<order::VoteLog> votes;
    std::optional<order::EvidenceStore> evidence;
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
    std::unique_ptr<BlockCheck> block_check;
    std::unique_ptr<Snapshotter> snapshotter;
    std::unique_ptr<sync::SnapshotFetcher> snapshot_fetcher;
    std::unique_ptr<gateway::Gateway> gateway_service;
    std::unique_ptr<base::net::RpcServer> peer_server;
    std::unique_ptr<base::net::RpcServer> gateway_server;

    bool stopped = false;
    std::optional<Error> failure;
    std::optional<snapshot::Kept> to_install;        // it waits for the block that is being committed
    std::chrono::microseconds no_snapshot_until{0};  // nobody offers one; by base::steady_now()
    std::size_t order_messages_in_pool = 0;
    std::size_t admissions_in_pool = 0;
    std::vector<Candidate> submitted;  // in this turn of the loop
    std::size_t endorser_turn = 0;
    std::shared_ptr<const std::string> proposed_last;  // Block; null: none since the start
    std::uint64_t last_question = 0;
    std::map<std::string, std::uint64_t> questions;  // by peer: the one whose answer is waited for
    std::vector<PeerNotice> next_epochs_messages;    // of members that have applied a change of config before this node
    std::size_t next_epochs_bytes = 0;
};

}  // namespace fairstream::ledger::node
