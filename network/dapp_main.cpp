// fairstream-dapp: the marketplace's REST interface and its read model in PostgreSQL.
#include <algorithm>
#include <optional>
#include <string_view>

#include "base/log.hpp"
#include "chaincode/schema/marketplace.pb.h"
#include "chaincode/schema/names.hpp"
#include "identity/did/did_key.hpp"
#include "marketplace_dapp/events/ledger_source.hpp"
#include "marketplace_dapp/events/operator_watch.hpp"
#include "marketplace_dapp/events/refunder.hpp"
#include "network/dapp_config.hpp"
#include "network/program.hpp"

namespace {

using namespace fairstream;
using namespace std::chrono_literals;
using marketplace_dapp::api::Api;
using marketplace_dapp::events::EventEngine;
using marketplace_dapp::events::LedgerSource;
using marketplace_dapp::events::OperatorWatch;
using marketplace_dapp::events::Refunder;

constexpr auto kCommitTimeout = 20s;

/// marketplace.Refund under the DApp's own key.
Refunder::Send refund_through(ledger::client::Client& client, const ledger::client::Identity& self) {
    return [&client, self](const std::string& purchase) -> Status {
        namespace names = chaincode::schema::names;
        chaincode::schema::RefundRequest request;
        request.set_purchase(purchase);
        FS_TRY(ledger::client::submit<chaincode::schema::PurchaseReply>(client, self, names::contract::kMarketplace,
                                                                        names::marketplace::kRefund, request));
        return {};
    };
}

int run(network::DappProgramConfig config, bool rebuild) {
    base::Metrics metrics;
    base::net::Loop loop;
    network::Termination termination(loop);
    base::SpanQueue spans;
    const auto exporter = network::export_traces(config.traces, "fairstream-dapp", config.name, spans, metrics);
    if (exporter) config.api.spans = &spans;
    auto submitted = config.submitted;
    submitted.commit_timeout = kCommitTimeout;
    ledger::client::Client followed(loop, config.followed);
    ledger::client::Client submitting(loop, submitted);
    LedgerSource source(followed);
    loop.start();
    EventEngine engine(source, config.api.database, {.network = config.followed.channel, .rebuild = rebuild}, metrics);
    auto api = Api::start(loop, config.api, submitting, engine, metrics);
    if (!api) {
        network::report_failure(api.error());
        return 1;
    }
    base::log_info("{} serves https://{}", config.name, config.api.listen.text());
    const ledger::client::Identity self{config.api.key, identity::did::did_from_key(config.api.key.public_key()), {}};
    std::optional<Refunder> refunder;
    refunder.emplace(config.api.database, Refunder::Options{.did = self.did}, refund_through(submitting, self),
                     metrics);
    std::optional<OperatorWatch> watch;
    watch.emplace(
        config.api.database,
        OperatorWatch::Options{.network = config.followed.channel, .trusted_roots = config.followed.trusted_roots},
        metrics);
    auto renewal = std::make_unique<network::TlsRenewal>(
        loop, metrics, config.tls, config.api.tls,
        [&served = **api](const base::net::TlsConfig& tls) { return served.use(tls); });
    const int exit_code = termination.wait();
    base::log_info("{} stops", config.name);
    network::run_on(loop, [&] { renewal.reset(); });
    watch.reset();
    refunder.reset();  // its calls need the loop
    engine.stop();
    loop.stop();
    return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
    // The one argument that only this program has.
    char** const end = std::remove_if(argv + 1, argv + argc,
                                      [](const char* argument) { return std::string_view(argument) == "--rebuild"; });
    const bool rebuild = end != argv + argc;
    return network::run_program(static_cast<int>(end - argv), argv,
                                "The marketplace: REST over HTTPS, and the read model in PostgreSQL behind it.\n"
                                "With --rebuild it first drops the read model and makes it again from the chain.",
                                network::load_dapp_config, [rebuild](network::DappProgramConfig config) {
                                    return run(std::move(config), rebuild);
                                });
}
