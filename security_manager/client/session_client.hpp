#pragma once

#include <chrono>
#include <map>
#include <string>

#include "base/clock.hpp"
#include "base/net/http.hpp"
#include "identity/crypto/frame.hpp"
#include "identity/crypto/keys.hpp"

namespace fairstream::security_manager::client {

/// Whose door it is, and with what one asks to be let in.
struct SessionRequest {
    std::string https_url;      // of the operator: https://host:port
    std::string operator_name;  // as the ledger lists it
    std::string network;        // the channel
    std::string grant;          // grant id; empty when `as_operator` is set
    std::string as_operator;    // the asking operator's own name: a session for replication
    bool bearer = false;        // for a plain MQTT client: see Session::token
    std::chrono::milliseconds timeout{10'000};
};

/// An open session at one operator. Values; keep the holder's key beside it.
struct Session {
    std::string https_url;
    std::string operator_name;
    std::string network;
    std::string id;             // 32 hex digits
    std::string token;          // of a bearer session: the MQTT password (any user name)
    std::string connect_nonce;  // admits one connection; after it, renew for another
    std::string client_id;      // the MQTT client id to use
    std::string mqtt_url;
    std::string inbox;  // topic fs/1/in/{id}: name it as response topic, subscribe to it
    TimePoint expires;
    std::string subject;  // what renewals prove: the grant, or "operator:NAME"
};

/// Opens a session: asks for a nonce, proves `holder` over it and the grant, takes token and connect nonce.
/// Errors: those of HttpClient::request, the operator's own (its `code`, e.g. grant_revoked, wrong_holder,
/// not_my_grant), bad_answer, wrong_operator.
Result<Session> open_session(base::net::HttpClient& http, const SessionRequest& request,
                             const identity::crypto::SigningKey& holder, TimePoint now);

/// Proves the key again: a live session lives longer, and there is a nonce for the next connection. Same errors, and
/// unknown_session (open another).
Status renew(base::net::HttpClient& http, Session& session, const identity::crypto::SigningKey& holder, TimePoint now,
             std::chrono::milliseconds timeout = std::chrono::milliseconds{10'000});

/// Hands a delivery receipt in at the operator: DeliveryReceipt's bytes, pk_C's signature over them, and phi_C. Errors:
/// those of HttpClient::request and the operator's own.
Status post_receipt(base::net::HttpClient& http, const Session& session, ByteView receipt, ByteView signature,
                    ByteView token_signature, std::chrono::milliseconds timeout = std::chrono::milliseconds{10'000});

/// The newest receipt that the operator has for the session's purchase, as post_receipt takes it; empty: none. Errors:
/// as above.
struct HeldReceipt {
    std::string receipt;
    std::string signature;
};
Result<HeldReceipt> held_receipt(base::net::HttpClient& http, const Session& session,
                                 std::chrono::milliseconds timeout = std::chrono::milliseconds{10'000});

/// CONNECT's authentication data for method gate::kAuthMethod ("FS-POP"), with clean start and Session::client_id.
Bytes connect_authentication(const Session& session, const identity::crypto::SigningKey& holder);

/// The headers `authorization` and `dpop` of one HTTPS request under the session (RFC 9449); `url` without query.
std::map<std::string, std::string> request_headers(const Session& session, const identity::crypto::SigningKey& holder,
                                                   const std::string& method, const std::string& url, TimePoint now);

}  // namespace fairstream::security_manager::client
