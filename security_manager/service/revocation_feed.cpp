#include "security_manager/service/revocation_feed.hpp"

#include "chaincode/schema/events.pb.h"
#include "chaincode/schema/names.hpp"

namespace fairstream::security_manager::service {

namespace schema = chaincode::schema;
namespace names = chaincode::schema::names;

Result<std::unique_ptr<RevocationFeed>> RevocationFeed::start(ledger::client::Client& client, SessionService& service) {
    FS_ASSIGN(const auto info, client.info());
    ledger::proto::Checkpoint after;
    after.set_block(info.sealed_height());
    const std::uint64_t subscription =
        client.subscribe(after, {names::contract::kSecurityManager, names::contract::kMarketplace}, /*sealed=*/false,
                         [&service](const ledger::proto::EventBatch& batch) { apply_revocations(batch, service); });
    return std::unique_ptr<RevocationFeed>(new RevocationFeed(client, subscription));
}

RevocationFeed::~RevocationFeed() {
    client_.unsubscribe(subscription_);
}

void apply_revocations(const ledger::proto::EventBatch& batch, SessionService& service) {
    for (const auto& committed : batch.events()) {
        const auto& event = committed.event();
        if (event.contract() == names::contract::kSecurityManager &&
            event.name() == names::security_manager::kGrantRevoked) {
            schema::GrantRevoked revoked;
            if (revoked.ParseFromString(event.payload())) service.revoke_grant(revoked.grant());
        } else if (event.contract() == names::contract::kMarketplace &&
                   event.name() == names::marketplace::kPurchaseRefunded) {
            schema::PurchaseRefunded refunded;
            if (refunded.ParseFromString(event.payload())) service.revoke_purchase(refunded.purchase());
        }
    }
}

}  // namespace fairstream::security_manager::service
