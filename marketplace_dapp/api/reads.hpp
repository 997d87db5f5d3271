#pragma once

#include <map>
#include <string>

#include "marketplace_dapp/api/answer.hpp"
#include "marketplace_dapp/events/database.hpp"

/// The operations that read PostgreSQL. Blocking; from any thread but the loop's. An id that is malformed is one that
/// does not exist: not_found.
namespace fairstream::marketplace_dapp::api {

class Reads {
public:
    explicit Reads(std::string connection) : database_(std::move(connection)) {}

    using Query = std::map<std::string, std::string>;
    Answer offers(const Query& query);
    Answer offer(const std::string& id);
    /// Of an offer: how far which operator says to have stored its stream.
    Answer storage(const std::string& id);
    Answer purchase(const std::string& id);
    Answer balance(const std::string& account);
    Answer actor(const std::string& did);
    Answer block(const std::string& height);
    Answer transaction(const std::string& id);
    // Lists, in pages.
    Answer purchases(const Query& query);
    Answer transactions(const Query& query);
    Answer blocks(const Query& query);
    Answer transfers(const std::string& account, const Query& query);
    Answer actors(const Query& query);
    Answer operators(const Query& query);
    Answer batches(const std::string& offer, const Query& query);
    Answer key_epochs(const std::string& offer, const Query& query);
    /// Of the read model.
    Result<std::uint64_t> height();
    /// Whether PostgreSQL answers.
    Status check();

private:
    events::DatabasePool database_;
};

/// GET /1.0/identifiers/{did}: a DID resolution result (W3C DID Resolution), for did:key on P-256. Errors: invalid_did,
/// method_not_supported.
Answer resolve(const std::string& did);

}  // namespace fairstream::marketplace_dapp::api
