#pragma once

#include <memory>
#include <string>

#include "base/metrics.hpp"
#include "base/net/http.hpp"
#include "base/trace.hpp"
#include "ledger/client/client.hpp"
#include "marketplace_dapp/api/event_feed.hpp"
#include "marketplace_dapp/events/event_engine.hpp"

namespace fairstream::marketplace_dapp::api {

/// The marketplace's REST interface over HTTPS, as /openapi.json describes it. Requests are routed on the loop's thread
/// and done by worker threads: reads ask PostgreSQL; transactions, grants, releases and queries ask the ledger. Full
/// queues and peers in a hurry are told so (503, 429), never kept waiting. A request's `traceparent` (W3C Trace
/// Context) goes with its transaction to the ledger.
class Api {
public:
    struct Options {
        base::net::Address listen;
        base::net::TlsConfig tls;
        std::string database;              // connection string
        identity::crypto::SigningKey key;  // the DApp's own: asks the ledger where no client signs
        double reads_per_second = 100;     // of one peer address
        double writes_per_second = 20;     // transactions:prepare and transactions:submit
        EventFeed::Limits feed{};
        base::SpanQueue* spans = nullptr;  // of requests that belong to a trace, and of writes; null: none is made
    };

    /// The other arguments must outlive it. Errors: those of listening.
    static Result<std::unique_ptr<Api>> start(base::net::Loop& loop, Options options, ledger::client::Client& client,
                                              events::EventEngine& engine, base::Metrics& metrics);
    /// After the loop has stopped. Waits for the operations at hand.
    virtual ~Api() = default;
    virtual std::uint16_t port() const = 0;
    /// HttpServer::use.
    virtual Status use(const base::net::TlsConfig& tls) = 0;
};

}  // namespace fairstream::marketplace_dapp::api
