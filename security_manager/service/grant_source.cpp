#include "security_manager/service/grant_source.hpp"

#include "chaincode/schema/marketplace.pb.h"
#include "chaincode/schema/names.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::security_manager::service {

namespace schema = chaincode::schema;
namespace names = chaincode::schema::names;

LedgerGrantSource::LedgerGrantSource(ledger::client::Client& client, ledger::client::Identity identity)
    : client_(client), identity_(std::move(identity)) {}

Result<schema::GrantReply> LedgerGrantSource::grant(const std::string& id) {
    schema::GetGrantRequest request;
    request.set_grant(id);
    return ledger::client::query<schema::GrantReply>(client_, identity_, names::contract::kSecurityManager,
                                                     names::security_manager::kGetGrant, request,
                                                     /*sealed=*/true);
}

Result<schema::ListOperatorsReply> LedgerGrantSource::operators() {
    return ledger::client::query<schema::ListOperatorsReply>(client_, identity_, names::contract::kSecurityManager,
                                                             names::security_manager::kListOperators,
                                                             schema::ListOperatorsRequest(), /*sealed=*/true);
}

Status LedgerGrantSource::redeem(const schema::DownloadDataStreamRequest& request) {
    FS_ASSIGN(const auto receipt, ledger::proto::decode<schema::DeliveryReceipt>(request.receipt().receipt()));
    const auto reply = ledger::client::submit<schema::DownloadReply>(
        client_, identity_, names::contract::kSecurityManager, names::security_manager::kDownloadDataStream, request);
    if (reply) return check_accounted(receipt, reply->through());
    if (reply.error().code != "nothing_new") return fail(reply.error());
    schema::GetPurchaseRequest wanted;
    wanted.set_purchase(receipt.purchase());
    FS_ASSIGN(const auto record, ledger::client::query<schema::PurchaseReply>(
                                     client_, identity_, names::contract::kMarketplace,
                                     names::marketplace::kGetPurchaseRecord, wanted, /*sealed=*/false));
    // Of a batch all is accounted for. Of time, all that the seller has recorded, until the purchase has ended.
    return record.purchase().has_window() ? check_accounted(receipt, 0) : Status();
}

Status check_accounted(const schema::DeliveryReceipt& receipt, std::uint64_t through) {
    for (const auto& served : receipt.served())
        for (const auto& range : served.ranges())
            if (range.last() > through)
                return fail("not_recorded", "the ledger accounts for entries up to " + std::to_string(through) +
                                                " yet: the seller has not recorded the batch of the others");
    return {};
}

}  // namespace fairstream::security_manager::service
