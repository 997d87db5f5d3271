#include "marketplace_dapp/api/queries.hpp"

#include "chaincode/schema/custody.pb.h"
#include "chaincode/schema/names.hpp"
#include "chaincode/schema/security_manager.pb.h"
#include "marketplace_dapp/api/functions.hpp"
#include "marketplace_dapp/api/identifiers.hpp"
#include "marketplace_dapp/api/json_body.hpp"
#include "marketplace_dapp/api/parameters.hpp"
#include "marketplace_dapp/client/record_json.hpp"

namespace fairstream::marketplace_dapp::api {

namespace json = boost::json;
namespace names = chaincode::schema::names;
namespace proto = ledger::proto;
namespace schema = chaincode::schema;

namespace {

struct SignedQuery {
    proto::ProposalRequest request;
    proto::Proposal proposal;
};

Result<SignedQuery> read_signed(const json::object& body, const std::string& channel) {
    FS_TRY(only_members(body, {"proposal", "signature"}));
    SignedQuery out;
    FS_ASSIGN(const auto proposal, bytes_of(body, "proposal"));
    FS_ASSIGN(const auto signature, bytes_of(body, "signature"));
    FS_ASSIGN(out.proposal, proto::decode<proto::Proposal>(proposal));
    if (out.proposal.channel() != channel) return fail("bad_request", "proposal: for another channel");
    if (out.proposal.intent() != proto::INTENT_QUERY) return fail("bad_request", "proposal: not a query");
    auto& signed_proposal = *out.request.mutable_signed_proposal();
    signed_proposal.set_proposal(proto::as_field(proposal));
    signed_proposal.set_signature(proto::as_field(signature));
    return out;
}

}  // namespace

Answer Queries::evaluate(const std::string& body) {
    FS_ASSIGN(const auto object, parse_object(body));
    if (object.contains("proposal")) {
        FS_ASSIGN(const auto asked, read_signed(object, client_.options().channel));
        FS_ASSIGN(const auto reply, client_.evaluate_signed(asked.request));
        return json::object{{"response", reply_to_json(asked.proposal.contract(), asked.proposal.function(), reply)}};
    }
    FS_TRY(only_members(object, {"contract", "function", "arguments"}));
    FS_ASSIGN(const auto contract, text_of(object, "contract"));
    FS_ASSIGN(const auto function, text_of(object, "function"));
    FS_ASSIGN(const auto kind, kind_of(contract, function));
    if (kind != CallKind::kQuery)
        return fail("not_a_query", contract + "." + function + " changes the ledger: prepare, sign and submit it");
    FS_ASSIGN(const auto arguments, object_of(object, "arguments"));
    FS_ASSIGN(auto encoded, arguments_from_json(contract, function, arguments));
    FS_ASSIGN(const auto reply, client_.evaluate(self_, {contract, function, std::move(encoded), {}}));
    return json::object{{"response", reply_to_json(contract, function, reply)}};
}

Answer Queries::grant(const std::string& id) {
    if (!is_record_id(id)) return no_such("grant", id);
    schema::GetGrantRequest request;
    request.set_grant(id);
    FS_ASSIGN(const auto reply,
              ledger::client::query<schema::GrantReply>(client_, self_, names::contract::kSecurityManager,
                                                        names::security_manager::kGetGrant, request));
    return client::to_json(reply);
}

Answer Queries::releases(const std::string& purchase, const std::map<std::string, std::string>& query) {
    if (!is_record_id(purchase)) return no_such("purchase", purchase);
    Parameters parameters(query);
    FS_ASSIGN(const auto key_epoch, parameters.integer("key_epoch", 1, UINT32_MAX));
    FS_TRY(parameters.finish());
    schema::GetReleasesRequest request;
    request.set_purchase(purchase);
    request.set_key_epoch(static_cast<std::uint32_t>(key_epoch.value_or(0)));
    FS_ASSIGN(const auto reply, ledger::client::query<schema::GetReleasesReply>(
                                    client_, self_, names::contract::kCustody, names::custody::kGetReleases, request));
    auto answer = client::to_json(reply);
    answer["purchase"] = purchase;
    return answer;
}

}  // namespace fairstream::marketplace_dapp::api
