#include "ledger/node/admission.hpp"

#include "ledger/proto/wire.hpp"
#include "ledger/validate/transaction_check.hpp"

namespace fairstream::ledger::node {

Result<Admitted> check_transaction(const std::shared_ptr<const contract::Channel>& channel, ByteView transaction,
                                   TimePoint now, validate::CheckedBefore& known) {
    auto checked = validate::check_form(*channel, transaction, now);
    // No block has its time yet: this node's clock stands for it, and may be wrong.
    if (checked.form.code == proto::TIME_OUT_OF_RANGE)
        return fail(proto::code_of(checked.form.code),
                    checked.form.reason +
                        ", by this node's clock: the transaction has waited too long, or the "
                        "client's clock or this node's is wrong; set it, or ask another node");
    if (!checked.form.valid()) return fail(proto::code_of(checked.form.code), checked.form.reason);
    const auto signatures = validate::verify_signatures(*channel, checked, now);
    if (!signatures.valid()) return fail(proto::code_of(signatures.code), signatures.reason);
    const Admitted admitted{checked.id, identity::crypto::sha256(proto::encode(checked.proposal.creator()))};
    known.keep(transaction, channel, std::move(checked));
    return admitted;
}

}  // namespace fairstream::ledger::node
