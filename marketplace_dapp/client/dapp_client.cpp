#include "marketplace_dapp/client/dapp_client.hpp"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "identity/crypto/hash.hpp"
#include "identity/jose/jwt.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::marketplace_dapp::client {

namespace crypto = identity::crypto;
namespace jose = identity::jose;
namespace json = boost::json;
namespace proto = ledger::proto;
using namespace std::chrono_literals;

namespace {

constexpr auto kReadTimeout = 10s;
constexpr auto kCommitTimeout = 60s;
constexpr auto kMaxAge = 60s;  // between the DApp's clock and ours
constexpr std::size_t kMaxProposal = 1u << 20;
constexpr std::size_t kMinNonce = 16;

std::string percent_encoded(std::string_view text) {
    std::string out;
    for (const unsigned char c : text) {
        const bool plain = std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == '~';
        if (plain)
            out += static_cast<char>(c);
        else
            out += fmt::format("%{:02X}", c);
    }
    return out;
}

Result<std::string> to_json(const google::protobuf::Message& message) {
    std::string text;
    google::protobuf::util::JsonPrintOptions options;
    options.preserve_proto_field_names = true;
    if (!google::protobuf::util::MessageToJsonString(message, &text, options).ok())
        return fail("bad_arguments", message.GetTypeName() + " has no JSON form");
    return text;
}

struct Asked {
    const std::string& channel;
    const ledger::client::Identity& who;
    const std::string& contract;
    const std::string& function;
    const google::protobuf::Message& request;
};

/// Everything that the proposal says is what was asked for, and it says nothing else.
Status compare(const Asked& asked, ByteView prepared, TimePoint now) {
    const auto tampered = [](const std::string& what) {
        return fail("tampered_proposal", "the DApp prepared another transaction than the one asked for: its " + what);
    };
    const auto proposal = proto::decode<proto::Proposal>(prepared);
    if (!proposal) return tampered("bytes are no proposal");
    proto::Proposal own;
    own.set_channel(asked.channel);
    own.set_contract(asked.contract);
    own.set_function(asked.function);
    own.set_arguments(proto::as_field(proto::encode(asked.request)));
    own.mutable_creator()->set_did(asked.who.did);
    own.set_intent(proto::INTENT_SUBMIT);
    if (proposal->channel() != own.channel()) return tampered("channel");
    if (proposal->contract() != own.contract() || proposal->function() != own.function()) return tampered("function");
    if (proposal->arguments() != own.arguments()) return tampered("arguments");
    if (proposal->nonce().size() < kMinNonce) return tampered("nonce");
    const auto created = base::from_us(proposal->created_at_us());
    if (created < now - kMaxAge || created > now + kMaxAge) return tampered("time");
    own.set_nonce(proposal->nonce());
    own.set_created_at_us(proposal->created_at_us());
    // Creator, intent, and whatever else might stand in it.
    return proto::encode(own) == to_bytes(prepared) ? Status() : tampered("creator, intent or private inputs");
}

}  // namespace

Result<DappClient> DappClient::of(const Profile& profile) {
    if (profile.dapp_url.empty())
        return fail("no_dapp", "this network names no DApp; `fairstream network status` tells");
    return DappClient(profile.dapp_url, profile.trusted_roots, profile.network);
}

Result<json::object> DappClient::call(const std::string& method, const std::string& path, const std::string& body,
                                      std::chrono::milliseconds timeout) {
    std::map<std::string, std::string> headers;
    if (!body.empty()) headers["content-type"] = "application/json";
    FS_ASSIGN(const auto response, http_->request(method, url_ + path, headers, body, timeout));
    if (response.status != 200 && response.status != 201)
        return fail(base::net::problem_error(response.body,
                                             "the DApp answered with status " + std::to_string(response.status)));
    json::error_code error;
    auto value = json::parse(response.body, error);
    if (error || !value.is_object()) return fail("bad_answer", "the DApp's answer is no JSON object");
    return std::move(value.get_object());
}

Result<json::object> DappClient::get(const std::string& path, const std::map<std::string, std::string>& query) {
    std::string target = path;
    for (const auto& [name, value] : query)
        target += (target.size() == path.size() ? "?" : "&") + name + "=" + percent_encoded(value);
    return call("GET", target, "", kReadTimeout);
}

Status DappClient::submit(const ledger::client::Identity& who, const std::string& contract, const std::string& function,
                          const google::protobuf::Message& request, google::protobuf::Message& reply) {
    FS_ASSIGN(const auto arguments, to_json(request));
    const json::object ask{
        {"contract", contract}, {"function", function}, {"arguments", json::parse(arguments)}, {"creator", who.did}};
    FS_ASSIGN(const auto prepared, call("POST", "/api/v1/transactions:prepare", json::serialize(ask), kReadTimeout));
    FS_ASSIGN(const auto encoded, jose::string_claim(prepared, "proposal", kMaxProposal));
    FS_ASSIGN(const auto proposal, base::from_base64url(encoded));
    FS_TRY(compare({.channel = channel_, .who = who, .contract = contract, .function = function, .request = request},
                   proposal, base::wall_now()));

    const auto signature = who.key.sign(crypto::signing_input("proposal/v1", channel_, proposal));
    const json::object sending{{"proposal", encoded}, {"signature", base::to_base64url(signature)}};
    FS_ASSIGN(const auto committed,
              call("POST", "/api/v1/transactions:submit", json::serialize(sending), kCommitTimeout));
    const auto* response = committed.if_contains("response");
    const auto read = response == nullptr
                          ? google::protobuf::util::Status(google::protobuf::util::StatusCode::kNotFound, "none")
                          : google::protobuf::util::JsonStringToMessage(json::serialize(*response), &reply);
    if (!read.ok()) return fail("bad_answer", "the DApp's answer is no " + reply.GetTypeName());
    return {};
}

}  // namespace fairstream::marketplace_dapp::client
