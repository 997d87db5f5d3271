#include "chaincode/actors/issuers.hpp"

#include <algorithm>

#include "chaincode/rules/amounts.hpp"
#include "chaincode/rules/arguments.hpp"
#include "chaincode/rules/caller.hpp"
#include "chaincode/rules/records.hpp"

namespace fairstream::chaincode::actors {

using ledger::contract::Context;

namespace {

constexpr std::size_t kMaxNameBytes = 128;
constexpr int kMaxTypes = 32;
constexpr std::uint32_t kMaxIssuers = 1000;
constexpr std::string_view kIssuers = "issuer/";

std::string issuer_key(const std::string& did) {
    return std::string(kIssuers) + did;
}

}  // namespace

Result<schema::Issuer> trust_issuer(Context& context, const schema::TrustIssuerRequest& request) {
    FS_TRY(rules::governance_only(context));
    const auto& issuer = request.issuer();
    FS_TRY(rules::check_did("did", issuer.did()));
    FS_TRY(rules::check_text("name", issuer.name(), 1, kMaxNameBytes));
    FS_TRY(rules::check_range("weight", issuer.weight(), 0, rules::kOne));
    FS_TRY(rules::check_range("types", issuer.types_size(), 0, kMaxTypes));
    for (const auto& type : issuer.types()) FS_TRY(rules::check_text("type", type, 1, kMaxNameBytes));
    FS_TRY(rules::store(context, issuer_key(issuer.did()), issuer));
    return issuer;
}

Result<schema::ListIssuersReply> list_issuers(Context& context, const schema::ListIssuersRequest&) {
    const std::string start(kIssuers);
    FS_ASSIGN(const auto entries, context.range(start, rules::end_of_prefix(start), kMaxIssuers));
    schema::ListIssuersReply reply;
    for (const auto& entry : entries) {
        if (!reply.add_issuers()->ParseFromArray(entry.value.data(), static_cast<int>(entry.value.size())))
            return fail("corrupt_state", "the record under " + entry.key + " does not parse");
    }
    return reply;
}

Result<std::optional<schema::Issuer>> trusted_issuer(Context& context, const std::string& did) {
    FS_ASSIGN(auto issuer, rules::load<schema::Issuer>(context, issuer_key(did)));
    if (issuer && !issuer->active()) issuer.reset();
    return issuer;
}

bool counts_for(const schema::Issuer& issuer, const std::string& type) {
    const auto& types = issuer.types();
    return types.empty() || std::find(types.begin(), types.end(), type) != types.end();
}

}  // namespace fairstream::chaincode::actors
