#include <set>

#include "identity/crypto/merkle.hpp"
#include "ledger/proto/wire.hpp"
#include "ledger/receipt/receipt.hpp"
#include "ledger/validate/validator.hpp"

namespace fairstream::ledger::receipt {

namespace crypto = identity::crypto;

namespace {

using Path = google::protobuf::RepeatedPtrField<std::string>;

tl::unexpected<Error> bad(std::string what) {
    return fail("bad_receipt", "receipt: " + std::move(what));
}

/// Parses bytes that must be exactly what writing the message again gives: with no unknown field, no field twice, no
/// number written long, no byte can change without a meaning changing with it.
template <typename Message>
Result<Message> decode_canonical(ByteView bytes) {
    FS_ASSIGN(auto message, proto::decode<Message>(bytes));
    Message known = message;
    known.DiscardUnknownFields();
    if (known.SerializeAsString() != as_text(bytes))
        return bad("its " + Message::descriptor()->name() + " is not written canonically");
    return message;
}

Result<Hash> root_of(ByteView leaf, const Path& path, std::uint64_t left_siblings) {
    Hash hash = crypto::merkle_leaf(leaf);
    for (const auto& step : path) {
        FS_ASSIGN(const auto sibling, crypto::to_hash(as_bytes(step)));
        hash = (left_siblings & 1) != 0 ? crypto::merkle_node(sibling, hash) : crypto::merkle_node(hash, sibling);
        left_siblings >>= 1;
    }
    return hash;
}

Status check_paths(const proto::Receipt& receipt, const proto::BlockHeader& header, const proto::BlockHeader& next) {
    const int steps = receipt.transaction_path_size();
    if (steps > kMaxSteps || receipt.outcome_path_size() != steps)
        return bad("its two Merkle paths are not of one length, at most 20 steps");
    if ((receipt.siblings_on_the_left() >> steps) != 0) return bad("names sides of steps that its paths have not");
    FS_ASSIGN(const auto transactions,
              root_of(as_bytes(receipt.transaction()), receipt.transaction_path(), receipt.siblings_on_the_left()));
    if (as_text(transactions) != header.transactions_root()) return bad("the transaction is not in this block");
    FS_ASSIGN(const auto outcomes,
              root_of(as_bytes(receipt.outcome()), receipt.outcome_path(), receipt.siblings_on_the_left()));
    if (as_text(outcomes) != next.previous_outcomes_root()) return bad("the outcome is not among those agreed on");
    return {};
}

/// The epoch that `update` brings. When its admins' certificates were valid no longer matters: the ledger has looked at
/// that when it took the update.
Result<std::shared_ptr<const contract::Channel>> next_epoch(const contract::Channel& before, ByteView bytes) {
    FS_ASSIGN(const auto update, decode_canonical<proto::ConfigUpdate>(bytes));
    FS_ASSIGN(auto next, before.successor(as_bytes(update.config())));
    std::set<std::string> organisations;
    for (const auto& approval : update.approvals()) {
        FS_ASSIGN(const auto admin, before.organisations().verify_at_any_time(as_bytes(approval.certificate())));
        const auto signature = crypto::to_signature(as_bytes(approval.signature()));
        if (admin.role != identity::msp::Role::kAdmin || !signature ||
            !admin.key.verify(crypto::signing_input("config/v1", before.name(), as_bytes(update.config())), *signature))
            return bad("an approval of config epoch " + std::to_string(next->epoch()) + " is not an admin's");
        organisations.insert(admin.org);
    }
    if (organisations.size() < before.approvals_needed())
        return bad("config epoch " + std::to_string(next->epoch()) + " was approved by no majority");
    return next;
}

Result<std::shared_ptr<const contract::Channel>> channel_of(std::shared_ptr<const contract::Channel> genesis,
                                                            const proto::Receipt& receipt,
                                                            const proto::BlockHeader& decided) {
    auto channel = std::move(genesis);
    if (channel->epoch() + static_cast<std::uint64_t>(receipt.config_updates_size()) != decided.config_epoch())
        return bad("its config updates do not lead to the epoch it was decided under");
    for (const auto& update : receipt.config_updates()) {
        FS_ASSIGN(channel, next_epoch(*channel, as_bytes(update)));
    }
    return channel;
}

/// The next header is decided, and names the header before it.
Status check_headers(const contract::Channel& channel, const proto::Receipt& receipt, const proto::BlockHeader& header,
                     const proto::BlockHeader& next) {
    if (next.height() != header.height() + 1 ||
        next.previous_hash() != as_text(crypto::sha256(as_bytes(receipt.header()))))
        return bad("its headers do not follow one another");
    FS_ASSIGN(const auto certificate, decode_canonical<proto::CommitCertificate>(as_bytes(receipt.certificate())));
    return validate::check_certificate(channel, certificate, next.height(),
                                       crypto::sha256(as_bytes(receipt.next_header())));
}

}  // namespace

Result<Proven> verify_receipt(std::shared_ptr<const contract::Channel> genesis, ByteView bytes) {
    if (bytes.size() > kMaxReceiptBytes) return fail("too_large", "a receipt has at most 41943040 bytes");
    FS_ASSIGN(const auto receipt, decode_canonical<proto::Receipt>(bytes));
    FS_ASSIGN(const auto header, proto::decode<proto::BlockHeader>(receipt.header()));
    FS_ASSIGN(const auto next, proto::decode<proto::BlockHeader>(receipt.next_header()));
    if (header.channel() != genesis->name() || next.channel() != genesis->name())
        return fail("wrong_channel", "the receipt is not of channel " + genesis->name());
    Proven proven;
    FS_ASSIGN(proven.channel, channel_of(std::move(genesis), receipt, next));
    FS_TRY(check_headers(*proven.channel, receipt, header, next));
    FS_TRY(check_paths(receipt, header, next));

    proven.height = header.height();
    proven.time_us = header.time_us();
    FS_ASSIGN(proven.transaction, proto::decode<proto::Transaction>(receipt.transaction()));
    FS_ASSIGN(proven.outcome, proto::decode<proto::Outcome>(receipt.outcome()));
    FS_ASSIGN(proven.proposal, proto::decode<proto::Proposal>(proven.transaction.signed_proposal().proposal()));
    proven.id = proto::transaction_id(proven.transaction.signed_proposal());
    if (proven.outcome.transaction_id() != as_text(proven.id)) return bad("the outcome is of another transaction");
    return proven;
}

}  // namespace fairstream::ledger::receipt
