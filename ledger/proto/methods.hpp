#pragma once

#include <cstdint>

namespace fairstream::ledger::proto {

/// Methods of the gateway port (TLS without a client certificate; every request is signed by who makes it).
enum class GatewayMethod : std::uint16_t {
    kEvaluate = 1,        // EvaluateRequest -> EvaluateReply
    kEndorse = 2,         // ProposalRequest -> EndorseReply
    kSubmit = 3,          // SubmitRequest -> SubmitReply
    kCommitStatus = 4,    // CommitStatusRequest -> CommitStatusReply
    kEvents = 5,          // EventsRequest -> stream of EventBatch
    kGetBlock = 6,        // GetBlockRequest -> DecidedBlock
    kGetTransaction = 7,  // GetTransactionRequest -> GetTransactionReply
    kInfo = 8,            // InfoRequest -> InfoReply
    kReceipt = 9,         // ReceiptRequest -> Receipt
    kTransact = 10,       // TransactRequest -> TransactReply
};

/// Methods of the peer port (mutual TLS between nodes' certificates).
enum class PeerMethod : std::uint16_t {
    kOrder = 1,         // notice: SignedOrderMessage
    kTransaction = 2,   // notice: Transactions for the mempool, each after its length (u32)
    kEndorse = 3,       // EndorseRequest -> EndorsedBatch
    kBlocks = 4,        // BlocksRequest -> BlocksReply
    kPrivate = 5,       // PrivateRequest -> PrivateReply
    kSnapshot = 6,      // SnapshotRequest -> SnapshotOffer
    kChunk = 7,         // ChunkRequest -> ChunkReply
    kProposal = 8,      // notice: ShortProposal
    kTransactions = 9,  // TransactionsRequest -> Transactions, each after its length (u32)
};

}  // namespace fairstream::ledger::proto
