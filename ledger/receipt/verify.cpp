#include <fmt/format.h>

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

/// The next header is decided, and names the header before it.
Status check_headers(const contract::Channel& channel, const proto::Receipt& receipt, const proto::BlockHeader& header,
                     const proto::BlockHeader& next) {
    if (header.channel() != channel.name() || next.channel() != channel.name())
        return fail("wrong_channel", "the receipt is not of channel " + channel.name());
    if (next.config_epoch() != channel.epoch())
        return fail("unknown_epoch", fmt::format("the receipt was decided under config epoch {}, known is {}",
                                                 next.config_epoch(), channel.epoch()));
    if (next.height() != header.height() + 1 ||
        next.previous_hash() != as_text(crypto::sha256(as_bytes(receipt.header()))))
        return bad("its headers do not follow one another");
    FS_ASSIGN(const auto certificate, decode_canonical<proto::CommitCertificate>(as_bytes(receipt.certificate())));
    return validate::check_certificate(channel, certificate, next.height(),
                                       crypto::sha256(as_bytes(receipt.next_header())));
}

}  // namespace

Result<Proven> verify_receipt(const contract::Channel& channel, ByteView bytes) {
    if (bytes.size() > kMaxReceiptBytes) return fail("too_large", "a receipt has at most 41943040 bytes");
    FS_ASSIGN(const auto receipt, decode_canonical<proto::Receipt>(bytes));
    FS_ASSIGN(const auto header, proto::decode<proto::BlockHeader>(receipt.header()));
    FS_ASSIGN(const auto next, proto::decode<proto::BlockHeader>(receipt.next_header()));
    FS_TRY(check_headers(channel, receipt, header, next));
    FS_TRY(check_paths(receipt, header, next));

    Proven proven;
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
