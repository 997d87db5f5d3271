#pragma once

#include "ledger/blocks/block_store.hpp"
#include "tests/ledger/validate/notes.hpp"
#include "tests/support/temporary_folder.hpp"

namespace fairstream::tests {

/// A consortium whose decided blocks, with certificates of a quorum, lie in a block store.
class StoredChain {
public:
    StoredChain() : blocks(value_of(ledger::blocks::BlockStore::open(folder / "blocks"))) {}

    ledger::validate::BlockResult commit(const std::vector<proto::Transaction>& transactions) {
        return commit_block(market.block(transactions));
    }
    ledger::validate::BlockResult commit_block(const proto::Block& block) {
        market.now += std::chrono::milliseconds(10);
        proto::DecidedBlock decided;
        decided.set_block(block.SerializeAsString());
        decided.set_certificate(certificate(block).SerializeAsString());
        auto result = market.commit_block(block);
        value_of(blocks->append(market.parent().height, decided));
        return result;
    }
    proto::Transaction put(const std::string& pair) {
        return value_of(market.endorse(alice, "notes", "Put", as_bytes(pair)));
    }

    proto::CommitCertificate certificate(const proto::Block& block) const {
        proto::CommitCertificate out;
        out.set_height(value_of(proto::decode<proto::BlockHeader>(block.header())).height());
        out.set_round(2);
        out.set_block_hash(proto::as_field(ledger::blocks::block_hash(block)));
        for (std::size_t i = 0; i < market.channel().quorum(); ++i) *out.add_commits() = commit_by(i, out);
        return out;
    }
    proto::SignedOrderMessage commit_by(std::size_t node, const proto::CommitCertificate& certificate) const {
        proto::OrderMessage body;
        body.set_config_epoch(1);
        body.mutable_commit()->set_height(certificate.height());
        body.mutable_commit()->set_round(certificate.round());
        body.mutable_commit()->set_block_hash(certificate.block_hash());
        proto::SignedOrderMessage out;
        out.set_node(market.nodes()[node].name);
        out.set_body(body.SerializeAsString());
        out.set_signature(proto::as_field(market.nodes()[node].key.sign(
            crypto::signing_input("order/v1", market.channel().name(), as_bytes(out.body())))));
        return out;
    }

    TemporaryFolder folder;
    Consortium market{{.organisations = 4}, {notes_contract()}};
    Actor alice;
    std::unique_ptr<ledger::blocks::BlockStore> blocks;
};

}  // namespace fairstream::tests
