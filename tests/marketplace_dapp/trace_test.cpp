// One trace spans a REST request, the gateway that takes the transaction, and the node that endorses it.
#include <algorithm>
#include <map>

#include "network/process.hpp"
#include "tests/marketplace_dapp/rest_client.hpp"
#include "tests/support/trace_collector.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using namespace std::chrono_literals;
namespace json = boost::json;
using identity::crypto::SigningKey;

namespace {

constexpr auto kCaller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
constexpr auto kTrace = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr auto kSpan = "00f067aa0ba902b7";

/// A program of the network, ended and started again by this test, with traces.
class Traced {
public:
    Traced(const fs::path& folder, const std::string& program, const std::string& config, const Collector& collector) {
        write_all(folder / "collector.pem", collector.options().trusted_roots);
        write_all(folder / "traced.yaml", read_all(folder / config) + "traces_url: " + collector.options().url +
                                              "\ntraces_roots: collector.pem\n");
        children_.push_back({.name = program,
                             .command = {FS_BINARY_DIR "/bin/" + program, "--config", folder / "traced.yaml"},
                             .log = folder / "traced-log.txt",
                             .end = {}});
        REQUIRE(network::start(children_.front()));
    }
    ~Traced() { network::stop_all(children_, 10s); }

private:
    std::vector<network::Child> children_;
};

/// By trace.
std::multimap<std::string, json::object> spans(const Collector& collector, const std::string& name) {
    std::multimap<std::string, json::object> out;
    for (const auto& sent : collector.bodies()) {
        const auto body = json::parse(sent.substr(sent.find('{')));
        for (const auto& resource : body.at("resourceSpans").as_array())
            for (const auto& scope : resource.at("scopeSpans").as_array())
                for (const auto& span : scope.at("spans").as_array())
                    if (span.at("name").as_string() == name)
                        out.emplace(span.at("traceId").as_string().c_str(), span.as_object());
    }
    return out;
}

}  // namespace

TEST_CASE("the DApp's spans and the node's are of one trace: the caller's, or one that the request begins") {
    Dapp dapp;
    const auto net = dapp.net().dir() / "net";
    dapp.net().kill_process("nodes", "node1.org1");
    dapp.kill();
    const Collector of_dapp, of_node;
    const Traced node(net / "org1/node1", "fairstream-node", "node.yaml", of_node);
    const Traced rest(net / "dapp", "fairstream-dapp", "dapp.yaml", of_dapp);
    wait_until("the DApp is ready", [&] { return dapp.ready(); });

    const auto key = SigningKey::generate();
    const auto submit = [&](const char* contract, const char* function, const json::value& arguments,
                            const std::map<std::string, std::string>& headers) {
        const auto prepared = dapp.prepare(key, contract, function, arguments);
        dapp.post("/api/v1/transactions:submit", Dapp::sign(key, prepared), 200, headers);
    };
    submit("actors", "RegisterAndVerifyClient",
           {{"did", identity::did::did_from_key(key.public_key())},
            {"public_key", base::to_base64(key.public_key().compressed())}},
           {});
    submit("credits", "Faucet", {{"amount_micro", 7}}, {{"traceparent", kCaller}});
    submit("credits", "Faucet", {{"amount_micro", 8}}, {{"traceparent", "nonsense"}});
    wait_until("three traces of the DApp's and the node's", [&] {
        const auto submitted = spans(of_dapp, "dapp.submitTransaction");
        const auto handed_over = spans(of_node, "gateway.submit");
        return submitted.size() == 3 &&
               std::ranges::all_of(submitted, [&](const auto& one) { return handed_over.contains(one.first); });
    });
    const auto submitted = spans(of_dapp, "dapp.submitTransaction");
    const auto callers = submitted.find(kTrace);
    REQUIRE(callers != submitted.end());
    CHECK(callers->second.at("parentSpanId") == kSpan);
    const auto endorsed = spans(of_node, "gateway.endorse");
    for (const auto& [trace, span] : submitted) {
        REQUIRE(endorsed.count(trace) == 1);
        CHECK(endorsed.find(trace)->second.at("parentSpanId") == span.at("spanId"));
    }
}
