#pragma once

#include <optional>
#include <string>

#include "ledger/client/client.hpp"
#include "marketplace_dapp/api/answer.hpp"
#include "marketplace_dapp/api/idempotency.hpp"

namespace fairstream::marketplace_dapp::api {

/// Prepares what a client signs, and sends what it signed: the client's key never comes here. A client rebuilds the
/// proposal from its own arguments, or reads the one it got, before it signs
/// signing_input("proposal/v1", channel, proposal).
class Transactions {
public:
    /// `database`: the connection string.
    Transactions(ledger::client::Client& client, std::string database) : client_(client), keys_(std::move(database)) {}

    /// {"contract", "function", "arguments": {...}, "creator": DID} and, for functions with private inputs,
    /// "private_inputs" (functions.hpp) with "salt"? or only their "private_hash" ->
    /// {"id", "channel", "proposal", "fields": {...}, "signing_input", "sign_before", "salt"?, "private_inputs"?},
    /// bytes in base64url. The last two go to `submit` as they are. A query's proposal goes to Queries instead.
    Answer prepare(const std::string& body) const;

    /// {"proposal", "signature", "salt"?, "private_inputs"?}, all base64url -> {"id", "code", "block", "position",
    /// "response"}, once it is committed. Blocking, up to half a minute. The same proposal may be sent again: it
    /// commits once, and the answer is the same. `idempotency_key`: the same key with another proposal is refused.
    /// `traceparent`: the trace that the ledger goes on with.
    Answer submit(const std::string& body, const std::optional<std::string>& idempotency_key,
                  const std::string& traceparent);

private:
    struct Signed {
        ledger::proto::ProposalRequest request;
        ledger::proto::Proposal proposal;
        std::string id;
    };
    Result<Signed> read_signed(const std::string& body) const;
    static boost::json::value committed(const Signed& sent, std::uint64_t block, std::uint32_t position,
                                        ByteView response);
    static Answer committed_before(const Signed& sent, const ledger::proto::GetTransactionReply& found);
    Status hold_key(const std::string& key, const Signed& sent);

    ledger::client::Client& client_;
    IdempotencyKeys keys_;
};

}  // namespace fairstream::marketplace_dapp::api
