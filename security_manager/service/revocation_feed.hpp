#pragma once

#include <cstdint>

#include "ledger/client/client.hpp"
#include "security_manager/service/session_service.hpp"

namespace fairstream::security_manager::service {

/// Follows the ledger and ends sessions as their grants are revoked or their purchases refunded. A daemon starts
/// without sessions, so it follows from the sealed height of that moment.
class RevocationFeed {
public:
    /// Blocks for one question to the node: not on the loop thread. Both must outlive this, and it goes on the
    /// loop thread or after the loop has stopped. Error: unreachable.
    static Result<std::unique_ptr<RevocationFeed>> start(ledger::client::Client& client, SessionService& service);
    ~RevocationFeed();

private:
    RevocationFeed(ledger::client::Client& client, std::uint64_t subscription)
        : client_(client), subscription_(subscription) {}
    ledger::client::Client& client_;
    std::uint64_t subscription_;
};

/// One batch of the chain's events; on the loop thread.
void apply_revocations(const ledger::proto::EventBatch& batch, SessionService& service);

}  // namespace fairstream::security_manager::service
