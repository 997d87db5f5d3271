#include "marketplace_dapp/api/functions.hpp"

#include <google/protobuf/util/json_util.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <map>
#include <memory>

#include "chaincode/schema/actors.pb.h"
#include "chaincode/schema/credits.pb.h"
#include "chaincode/schema/custody.pb.h"
#include "chaincode/schema/marketplace.pb.h"
#include "chaincode/schema/names.hpp"
#include "chaincode/schema/security_manager.pb.h"
#include "chaincode/schema/trust.pb.h"

namespace fairstream::marketplace_dapp::api {

namespace json = boost::json;
namespace names = chaincode::schema::names;
namespace schema = chaincode::schema;

namespace {

using google::protobuf::Message;

enum class PrivateInputs { kNone, kText, kMessage };

struct Function {
    CallKind kind;
    const Message& request;
    const Message& reply;
    PrivateInputs private_inputs = PrivateInputs::kNone;
};

template <typename Request, typename Reply>
Function submit(PrivateInputs inputs = PrivateInputs::kNone) {
    return {CallKind::kSubmit, Request::default_instance(), Reply::default_instance(), inputs};
}
template <typename Request, typename Reply>
Function query() {
    return {CallKind::kQuery, Request::default_instance(), Reply::default_instance()};
}

using Table = std::map<std::string, Function>;

void add_people(Table& table) {
    const auto actors = std::string(names::contract::kActors) + ".";
    const auto credits = std::string(names::contract::kCredits) + ".";
    namespace a = names::actors;
    namespace c = names::credits;
    table.emplace(actors + a::kRegisterAndVerifySeller,
                  submit<schema::RegisterRequest, schema::ActorReply>(PrivateInputs::kText));
    table.emplace(actors + a::kRegisterAndVerifyClient,
                  submit<schema::RegisterRequest, schema::ActorReply>(PrivateInputs::kText));
    table.emplace(actors + a::kGetActor, query<schema::GetActorRequest, schema::ActorReply>());
    table.emplace(actors + a::kListActors, query<schema::ListActorsRequest, schema::ListActorsReply>());
    table.emplace(actors + a::kListIssuers, query<schema::ListIssuersRequest, schema::ListIssuersReply>());
    table.emplace(credits + c::kTransfer, submit<schema::TransferRequest, schema::Empty>());
    table.emplace(credits + c::kFaucet, submit<schema::FaucetRequest, schema::Empty>());
    table.emplace(credits + c::kBalance, query<schema::BalanceRequest, schema::BalanceReply>());
}

void add_market(Table& table) {
    const auto market = std::string(names::contract::kMarketplace) + ".";
    namespace m = names::marketplace;
    table.emplace(market + m::kCreateOffer, submit<schema::CreateOfferRequest, schema::OfferReply>());
    table.emplace(market + m::kRequestUploadToken,
                  submit<schema::RequestUploadTokenRequest, schema::RequestUploadTokenReply>());
    table.emplace(market + m::kOpenKeyEpoch, submit<schema::OpenKeyEpochRequest, schema::OpenKeyEpochReply>());
    table.emplace(market + m::kRecordStreamDetails, submit<schema::RecordStreamDetailsRequest, schema::OfferReply>());
    table.emplace(market + m::kRequestDownloadToken,
                  submit<schema::RequestDownloadTokenRequest, schema::PurchaseReply>());
    table.emplace(market + m::kRefund, submit<schema::RefundRequest, schema::PurchaseReply>());
    table.emplace(market + m::kGetSettings, query<schema::GetSettingsRequest, schema::SettingsReply>());
    table.emplace(market + m::kGetOffer, query<schema::GetOfferRequest, schema::OfferReply>());
    table.emplace(market + m::kGetStream, query<schema::GetStreamRequest, schema::OfferReply>());
    table.emplace(market + m::kListOffers, query<schema::ListOffersRequest, schema::ListOffersReply>());
    table.emplace(market + m::kListKeyEpochs, query<schema::ListKeyEpochsRequest, schema::ListKeyEpochsReply>());
    table.emplace(market + m::kGetPurchase, query<schema::GetPurchaseRequest, schema::PurchaseReply>());
    table.emplace(market + m::kGetPurchaseRecord, query<schema::GetPurchaseRequest, schema::PurchaseReply>());
    table.emplace(market + m::kListPurchases, query<schema::ListPurchasesRequest, schema::ListPurchasesReply>());
}

void add_data(Table& table) {
    const auto custody = std::string(names::contract::kCustody) + ".";
    const auto security = std::string(names::contract::kSecurityManager) + ".";
    namespace k = names::custody;
    namespace s = names::security_manager;
    table.emplace(custody + k::kDeal, submit<schema::DealRequest, schema::DealingRecord>(PrivateInputs::kMessage));
    table.emplace(custody + k::kGetDealing, query<schema::GetDealingRequest, schema::DealingRecord>());
    table.emplace(custody + k::kGetReleases, query<schema::GetReleasesRequest, schema::GetReleasesReply>());
    table.emplace(security + s::kDrawOperators, submit<schema::DrawOperatorsRequest, schema::GrantReply>());
    table.emplace(security + s::kRevokeGrant, submit<schema::RevokeGrantRequest, schema::GrantReply>());
    table.emplace(security + s::kSetEndpoints, submit<schema::SetEndpointsRequest, schema::Operator>());
    table.emplace(security + s::kUploadDataStream, submit<schema::UploadDataStreamRequest, schema::UploadRecord>());
    table.emplace(security + s::kDownloadDataStream,
                  submit<schema::DownloadDataStreamRequest, schema::DownloadReply>());
    table.emplace(security + s::kListOperators, query<schema::ListOperatorsRequest, schema::ListOperatorsReply>());
    table.emplace(security + s::kGetGrant, query<schema::GetGrantRequest, schema::GrantReply>());
    table.emplace(security + s::kGetPlacement, query<schema::GetPlacementRequest, schema::Placement>());
    table.emplace(security + s::kGetUpload, query<schema::GetUploadRequest, schema::UploadRecord>());
}

void add_trust(Table& table) {
    const auto trust = std::string(names::contract::kTrust) + ".";
    namespace t = names::trust;
    table.emplace(trust + t::kRate, submit<schema::RateRequest, schema::RatingReply>());
    table.emplace(trust + t::kReveal, submit<schema::RevealRequest, schema::RatingReply>());
    table.emplace(trust + t::kSealEpoch, submit<schema::SealEpochRequest, schema::TrustEpochReply>());
    table.emplace(trust + t::kComputeEpoch, submit<schema::ComputeEpochRequest, schema::TrustEpochReply>());
    table.emplace(trust + t::kGetSettings, query<schema::GetTrustSettingsRequest, schema::TrustSettingsReply>());
    table.emplace(trust + t::kListRatings, query<schema::ListRatingsRequest, schema::ListRatingsReply>());
    table.emplace(trust + t::kGetEpoch, query<schema::GetTrustEpochRequest, schema::TrustEpochReply>());
    table.emplace(trust + t::kGetScore, query<schema::GetScoreRequest, schema::TrustScore>());
}

const Table& known() {
    static const Table table = [] {
        Table all;
        add_people(all);
        add_market(all);
        add_data(all);
        add_trust(all);
        return all;
    }();
    return table;
}

Result<const Function*> find(const std::string& contract, const std::string& function) {
    const auto found = known().find(contract + "." + function);
    if (found != known().end()) return &found->second;
    return fail("unknown_function",
                "no function " + contract.substr(0, 64) + "." + function.substr(0, 64) + " that an actor calls");
}

Result<Bytes> from_json(const Message& kind, const json::value& value) {
    const std::unique_ptr<Message> message(kind.New());
    const auto read = google::protobuf::util::JsonStringToMessage(json::serialize(value), message.get());
    if (!read.ok())
        return fail("bad_arguments",
                    message->GetDescriptor()->name() + ": " + std::string(read.message().substr(0, 300)));
    Bytes bytes(message->ByteSizeLong());
    message->SerializeToArray(bytes.data(), static_cast<int>(bytes.size()));
    return bytes;
}

}  // namespace

Result<CallKind> kind_of(const std::string& contract, const std::string& function) {
    FS_ASSIGN(const auto* found, find(contract, function));
    return found->kind;
}

Result<Bytes> arguments_from_json(const std::string& contract, const std::string& function,
                                  const json::value& arguments) {
    FS_ASSIGN(const auto* found, find(contract, function));
    return from_json(found->request, arguments);
}

Result<Bytes> private_inputs_from_json(const std::string& contract, const std::string& function,
                                       const json::value& inputs) {
    FS_ASSIGN(const auto* found, find(contract, function));
    if (found->private_inputs == PrivateInputs::kText && inputs.is_string())
        return to_bytes(std::string_view(inputs.get_string()));
    if (found->private_inputs == PrivateInputs::kMessage && inputs.is_object())
        return from_json(schema::SharePackage::default_instance(), inputs);
    return fail("bad_arguments",
                found->private_inputs == PrivateInputs::kNone   ? "private_inputs: this function takes none"
                : found->private_inputs == PrivateInputs::kText ? "private_inputs: a text, the presentation (vp+jwt)"
                                                                : "private_inputs: an object, the SharePackage");
}

json::value reply_to_json(const std::string& contract, const std::string& function, ByteView reply) {
    const auto found = find(contract, function);
    if (!found) return nullptr;
    const std::unique_ptr<Message> message((*found)->reply.New());
    google::protobuf::util::JsonPrintOptions options;
    options.preserve_proto_field_names = true;
    options.always_print_primitive_fields = true;
    std::string text;
    if (!message->ParseFromArray(reply.data(), static_cast<int>(reply.size())) ||
        !google::protobuf::util::MessageToJsonString(*message, &text, options).ok())
        return nullptr;
    json::error_code error;
    auto value = json::parse(text, error);
    return error ? json::value(nullptr) : value;
}

}  // namespace fairstream::marketplace_dapp::api
