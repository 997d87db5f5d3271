#include "marketplace_dapp/api/functions.hpp"

#include <google/protobuf/util/json_util.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <map>
#include <memory>

#include "base/encoding.hpp"
#include "chaincode/schema/actors.pb.h"
#include "chaincode/schema/credits.pb.h"
#include "chaincode/schema/custody.pb.h"
#include "chaincode/schema/marketplace.pb.h"
#include "chaincode/schema/names.hpp"
#include "chaincode/schema/security_manager.pb.h"

namespace fairstream::marketplace_dapp::api {

namespace json = boost::json;
namespace names = chaincode::schema::names;
namespace schema = chaincode::schema;

namespace {

struct Messages {
    const google::protobuf::Message& request;
    const google::protobuf::Message& reply;
};

template <typename Request, typename Reply>
Messages messages() {
    return {Request::default_instance(), Reply::default_instance()};
}

const std::map<std::string, Messages>& known() {
    namespace n = names;
    const auto full = [](const char* contract, const char* function) { return std::string(contract) + "." + function; };
    static const std::map<std::string, Messages> table{
        {full(n::contract::kActors, n::actors::kRegisterAndVerifySeller),
         messages<schema::RegisterRequest, schema::ActorReply>()},
        {full(n::contract::kActors, n::actors::kRegisterAndVerifyClient),
         messages<schema::RegisterRequest, schema::ActorReply>()},
        {full(n::contract::kCredits, n::credits::kTransfer), messages<schema::TransferRequest, schema::Empty>()},
        {full(n::contract::kCredits, n::credits::kFaucet), messages<schema::FaucetRequest, schema::Empty>()},
        {full(n::contract::kMarketplace, n::marketplace::kCreateOffer),
         messages<schema::CreateOfferRequest, schema::OfferReply>()},
        {full(n::contract::kMarketplace, n::marketplace::kRequestUploadToken),
         messages<schema::RequestUploadTokenRequest, schema::RequestUploadTokenReply>()},
        {full(n::contract::kMarketplace, n::marketplace::kRecordStreamDetails),
         messages<schema::RecordStreamDetailsRequest, schema::OfferReply>()},
        {full(n::contract::kMarketplace, n::marketplace::kRequestDownloadToken),
         messages<schema::RequestDownloadTokenRequest, schema::PurchaseReply>()},
        {full(n::contract::kMarketplace, n::marketplace::kRefund),
         messages<schema::RefundRequest, schema::PurchaseReply>()},
        {full(n::contract::kCustody, n::custody::kDeal), messages<schema::DealRequest, schema::DealingRecord>()},
        {full(n::contract::kSecurityManager, n::security_manager::kDrawOperators),
         messages<schema::DrawOperatorsRequest, schema::GrantReply>()},
        {full(n::contract::kSecurityManager, n::security_manager::kRevokeGrant),
         messages<schema::RevokeGrantRequest, schema::GrantReply>()},
        {full(n::contract::kSecurityManager, n::security_manager::kSetEndpoints),
         messages<schema::SetEndpointsRequest, schema::Operator>()},
        {full(n::contract::kSecurityManager, n::security_manager::kUploadDataStream),
         messages<schema::UploadDataStreamRequest, schema::UploadRecord>()},
        {full(n::contract::kSecurityManager, n::security_manager::kDownloadDataStream),
         messages<schema::DownloadDataStreamRequest, schema::DownloadReply>()},
    };
    return table;
}

}  // namespace

std::vector<std::string> function_names() {
    std::vector<std::string> all;
    for (const auto& [name, messages] : known()) all.push_back(name);
    return all;
}

Result<Bytes> arguments_from_json(const std::string& contract, const std::string& function,
                                  const json::value& arguments) {
    const auto found = known().find(contract + "." + function);
    if (found == known().end())
        return fail("unknown_function",
                    "no function " + contract.substr(0, 64) + "." + function.substr(0, 64) + " that an actor submits");
    const std::unique_ptr<google::protobuf::Message> message(found->second.request.New());
    const auto read = google::protobuf::util::JsonStringToMessage(json::serialize(arguments), message.get());
    if (!read.ok())
        return fail("bad_arguments",
                    message->GetDescriptor()->name() + ": " + std::string(read.message().substr(0, 300)));
    Bytes bytes(message->ByteSizeLong());
    message->SerializeToArray(bytes.data(), static_cast<int>(bytes.size()));
    return bytes;
}

json::value reply_to_json(const std::string& contract, const std::string& function, ByteView reply) {
    const auto found = known().find(contract + "." + function);
    if (found == known().end()) return nullptr;
    const std::unique_ptr<google::protobuf::Message> message(found->second.reply.New());
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
