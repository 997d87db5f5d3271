/// What the marketplace's REST interface is sent: bodies and queries, and what its read model is made of: blocks,
/// events, operators' reports. The first byte says which.
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/encoding.hpp"
#include "identity/did/did_key.hpp"
#include "identity/jose/jwt.hpp"
#include "ledger/client/client.hpp"
#include "ledger/proto/wire.hpp"
#include "marketplace_dapp/api/functions.hpp"
#include "marketplace_dapp/api/offer_search.hpp"
#include "marketplace_dapp/api/page.hpp"
#include "marketplace_dapp/api/queries.hpp"
#include "marketplace_dapp/api/told_events.hpp"
#include "marketplace_dapp/api/transactions.hpp"
#include "marketplace_dapp/events/operator_report.hpp"
#include "marketplace_dapp/events/projection.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/known_key.hpp"

using namespace fairstream;
namespace api = marketplace_dapp::api;
namespace events = marketplace_dapp::events;
namespace proto = ledger::proto;

namespace {

/// A client that reaches nobody, since its loop does not run: what needs no ledger is all that is asked of it.
ledger::client::Client& nobody() {
    static base::net::Loop loop;
    static ledger::client::Client client(loop, {.channel = "net",
                                                .gateways = {{{.host = "127.0.0.1", .port = 9}, "nobody"}},
                                                .trusted_roots = {},
                                                .call_timeout = {},
                                                .commit_timeout = {}});
    return client;
}

void a_body(const std::string& text) {
    static api::Transactions transactions(nobody(), "");
    static_cast<void>(transactions.prepare(text));
}

/// One line each: contract, function, JSON.
void a_function(std::string_view text) {
    const auto line = [&] {
        const auto end = std::min(text.find('\n'), text.size());
        const auto out = std::string(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        return out;
    };
    const auto contract = line(), function = line();
    static_cast<void>(api::reply_to_json(contract, function, as_bytes(text)));
    boost::json::error_code error;
    const auto value = boost::json::parse(text, error);
    if (error) return;
    static_cast<void>(api::arguments_from_json(contract, function, value));
    static_cast<void>(api::private_inputs_from_json(contract, function, value));
}

/// name=value&name=value
void a_query(std::string_view text) {
    std::map<std::string, std::string> query;
    for (; !text.empty(); text.remove_prefix(std::min(text.size(), text.find('&') + 1))) {
        const auto pair = text.substr(0, text.find('&'));
        const auto is = std::min(pair.find('='), pair.size());
        query[std::string(pair.substr(0, is))] = pair.substr(std::min(is + 1, pair.size()));
        if (pair.size() == text.size()) break;
    }
    if (const auto search = api::OfferSearch::parse(query)) static_cast<void>(api::to_statement(*search));
    api::Parameters parameters(query);
    if (const auto page = api::read_page(parameters, {"int8", "text"})) {
        api::SqlBuilder builder;
        static_cast<void>(api::page_clause(builder, *page, {.keys = {"a", "b"}, .types = {"int8", "text"}}));
    }
    static_cast<void>(api::EventFilter::read(parameters));
    static_cast<void>(events::EventPlace::parse(query["after"]));
}

/// The bytes as what a function answered, or as an event of it, in a block.
void a_block(tests::Input input) {
    const auto contract = std::string(as_text(input.bytes())), name = std::string(as_text(input.bytes()));
    const auto arguments = input.bytes();
    const auto payload = std::string(as_text(input.rest()));
    static_cast<void>(events::read_event(contract, name, payload));
    proto::Proposal proposal;
    proposal.set_contract(contract);
    proposal.set_function(name);
    proposal.set_arguments(proto::as_field(arguments));
    proto::ProposalResult result;
    result.set_response(payload);
    auto& event = *result.add_events();
    event.set_contract(contract);
    event.set_name(name);
    event.set_payload(payload);
    proto::Transaction transaction;
    transaction.mutable_signed_proposal()->set_proposal(proposal.SerializeAsString());
    transaction.set_result(result.SerializeAsString());
    events::SealedBlock block;
    proto::BlockHeader header;
    header.set_height(1);
    block.height = 1;
    block.block.set_header(header.SerializeAsString());
    for (const auto& bytes : {transaction.SerializeAsString(), payload}) {
        block.block.add_transactions(bytes);
        block.fates.push_back({"valid", ""});
    }
    events::Projector projector;
    if (projector.add(block)) static_cast<void>(projector.take());
}

void a_report(std::string_view claims) {
    const auto& key = tests::known_key();
    boost::json::error_code error;
    const auto value = boost::json::parse(claims, error);
    if (error || !value.is_object()) return;
    const auto jwt = identity::jose::sign_jwt(key, "fairstream-report+jwt", value.get_object());
    static_cast<void>(events::read_report(jwt, {"op1", identity::did::did_from_key(key.public_key()), "net"},
                                          base::from_us(1'790'000'000'000'000)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    tests::Input input(data, size);
    const auto which = input.byte() % 5;
    const auto text = as_text(input.rest());
    switch (which) {
        case 0:
            a_body(std::string(text));
            break;
        case 1:
            a_function(text);
            break;
        case 2:
            a_query(text);
            break;
        case 3:
            a_block(input);
            break;
        default:
            a_report(text);
    }
    return 0;
}
