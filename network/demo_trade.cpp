#include "network/demo_trade.hpp"

#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "base/file.hpp"
#include "base/net/http.hpp"
#include "identity/credential/credential.hpp"
#include "identity/crypto/frame.hpp"
#include "marketplace_dapp/cli/render.hpp"

namespace fairstream::network {

namespace schema = chaincode::schema;
namespace session = security_manager::client;
using marketplace_dapp::cli::credits;
using marketplace_dapp::client::StepTime;

namespace {

constexpr std::int64_t kPriceMicro = 2'500'000;
constexpr std::int64_t kFaucetMicro = 10'000'000;

std::vector<StepTime> prefixed(const std::string& prefix, std::vector<StepTime> steps) {
    for (auto& step : steps) step.step = "  " + prefix + step.step;
    return steps;
}

}  // namespace

Status DemoTrade::run() {
    FS_TRY(join());
    FS_TRY(list_and_upload());
    FS_TRY(balances("before the purchase", before_));
    FS_TRY(buy_and_fetch());
    FS_TRY(balances("after the purchase", after_));
    FS_TRY(compare_balances());
    FS_TRY(refusals());
    report_.times(watch_.steps());
    return {};
}

Result<std::string> DemoTrade::credential_for(const std::string& did) {
    FS_ASSIGN(const auto issuer, SigningKey::load(dir_ / "keys" / "issuer1.key"));
    const auto now = base::wall_now();
    return identity::credential::issue(issuer, {.id = "urn:uuid:" + base::to_hex(identity::crypto::random_bytes(16)),
                                                .subject = did,
                                                .type = "VerifiedSeller",
                                                .claims = {},
                                                .valid_from = now - std::chrono::minutes(1),
                                                .valid_until = now + std::chrono::hours(24)});
}

Status DemoTrade::join() {
    report_.step("Join: a verified seller, two clients");
    FS_ASSIGN(const auto credential, credential_for(seller_.did()));
    FS_ASSIGN(const auto registered, seller_.register_and_verify(credential));
    report_.proved(registered.seller() && registered.identifiers_size() == 1,
                   fmt::format("issuer1's credential was verified by the chaincode; seller {} has trust score {}",
                               seller_.did(), marketplace_dapp::cli::rate(registered.trust_score())));
    FS_TRY(alice_.register_client(""));
    FS_TRY(mallory_.register_client(""));
    FS_TRY(alice_.faucet(kFaucetMicro));
    FS_TRY(mallory_.faucet(kFaucetMicro));
    report_.say(fmt::format("clients {} and {} registered, {} credits each", alice_.did(), mallory_.did(),
                            credits(kFaucetMicro)));
    watch_.mark("join (3 registrations, 2 faucets)");
    return {};
}

Status DemoTrade::list_and_upload() {
    report_.step("Offer and upload");
    schema::OfferDraft draft;
    draft.set_topic("demo/readings");
    draft.set_mode("one-off");
    draft.set_price_micro(kPriceMicro);
    draft.set_title("Readings of " + input_.filename().string());
    FS_ASSIGN(offer_, seller_.create_offer(draft));
    watch_.mark("offer");
    FS_ASSIGN(
        uploaded_,
        seller_.upload({.offer = offer_.id(), .file = input_, .state = dir_ / "state" / "seller", .on_progress = {}}));
    watch_.mark("upload, whole");
    report_.say(fmt::format("in:  {}  {} bytes, SHA-256 {}", input_.filename().string(),
                            uploaded_.batch.plaintext_bytes(), base::to_hex(uploaded_.plaintext_sha256)));
    report_.proved(uploaded_.operators.size() >= 2,
                   fmt::format("the ledger verified signed storage receipts of {} for all {} frames",
                               fmt::join(uploaded_.operators, " and "),
                               uploaded_.batch.last_sequence() - uploaded_.batch.first_sequence() + 1));
    report_.times(prefixed("upload: ", uploaded_.steps));
    return {};
}

Status DemoTrade::buy_and_fetch() {
    report_.step("Purchase, key release, download, payment");
    FS_ASSIGN(bought_, alice_.buy(offer_.id(), 0, base::to_hex(identity::crypto::random_bytes(16))));
    watch_.mark("purchase into escrow");
    report_.proved(
        bought_.state() == schema::ESCROWED && bought_.paid_micro() == 0,
        fmt::format("purchase {}: {} credits in escrow, nobody paid yet", bought_.id(), credits(kPriceMicro)));
    const auto output = dir_ / "bought";
    FS_ASSIGN(const auto fetched, alice_.fetch({.purchase = bought_.id(), .output = output, .on_progress = {}}));
    watch_.mark("fetch, whole");
    report_.say(fmt::format("out: {} bytes, SHA-256 {}", fetched.bytes, base::to_hex(fetched.plaintext_sha256)));
    report_.proved(fetched.purchase.releases() >= 1,
                   fmt::format("{} custodians released provable key shares, only after the purchase was sealed",
                               fetched.purchase.releases()));
    FS_ASSIGN(const auto in, base::read_file(input_, 1u << 30));
    FS_ASSIGN(const auto out, base::read_file(output, 1u << 30));
    report_.proved(in == out, "what came out is byte for byte what went in; tags, Merkle root and MAC were right");
    report_.proved(fetched.purchase.state() == schema::SETTLED && fetched.paid_micro == kPriceMicro,
                   fmt::format("the signed delivery receipt paid {} credits out of escrow; served by {}",
                               credits(fetched.paid_micro), fmt::join(fetched.served_by, ", ")));
    report_.times(prefixed("fetch: ", fetched.steps));
    return {};
}

Status DemoTrade::balances(const std::string& when, Balances& into) {
    FS_ASSIGN(const auto audit, seller_.audit());
    for (const auto& one : audit.accounts()) into[one.account()] = one.amount_micro();
    for (const auto& one : audit.escrows()) into["escrow " + one.account()] = one.amount_micro();
    into["sum"] = audit.sum_micro();
    report_.proved(audit.sum_micro() == audit.supply_micro(),
                   fmt::format("{}: all accounts and escrows add up to the supply, {} credits", when,
                               credits(audit.supply_micro())));
    return {};
}

Status DemoTrade::compare_balances() {
    report_.step("Balances");
    FS_ASSIGN(const auto listed, ledger::client::query<schema::ListOperatorsReply>(
                                     connection_.ledger(), {.key = alice_key_, .did = alice_.did(), .certificate = {}},
                                     "security_manager", "ListOperators", schema::ListOperatorsRequest{}));
    for (const auto& one : listed.operators()) operators_[one.did()] = "storage operator " + one.name();
    auto all = before_;
    all.insert(after_.begin(), after_.end());
    for (const auto& [account, unused] : all)
        report_.say(
            fmt::format("{:>24} -> {:>24}  {}", credits(before_[account]), credits(after_[account]), label(account)));
    report_.proved(before_["sum"] == after_["sum"], "the sum is unchanged");
    return {};
}

Status DemoTrade::refusals() {
    report_.step("What is refused");
    Seller stranger(connection_, SigningKey::generate());
    report_.refused("an unverified seller's registration", stranger.register_and_verify(""), {"not_verified"});
    FS_TRY(read_without_purchase());
    FS_TRY(captured_session());
    report_.refused("a refund of what was delivered", alice_.refund(bought_.id()), {"already_settled"});
    watch_.mark("refusals");
    return {};
}

Result<schema::Operator> DemoTrade::first_operator() {
    FS_ASSIGN(const auto reply, ledger::client::query<schema::GrantReply>(
                                    connection_.ledger(), {.key = alice_key_, .did = alice_.did(), .certificate = {}},
                                    "security_manager", "GetGrant", [&] {
                                        schema::GetGrantRequest get;
                                        get.set_grant(bought_.grant());
                                        return get;
                                    }()));
    if (reply.operators_size() == 0) return fail("bad_answer", "the grant names no operator");
    return reply.operators(0);
}

session::SessionRequest DemoTrade::session_request(const schema::Operator& storage) const {
    return {.https_url = storage.https_url(),
            .operator_name = storage.name(),
            .network = connection_.profile().network,
            .grant = bought_.grant(),
            .as_operator = {}};
}

Status DemoTrade::read_without_purchase() {
    FS_ASSIGN(const auto storage, first_operator());
    base::net::HttpClient http(connection_.profile().trusted_roots);
    report_.refused("a read without a purchase, under another's grant",
                    session::open_session(http, session_request(storage), mallory_key_, base::wall_now()),
                    {"wrong_holder"});
    report_.refused("a fetch of another's purchase",
                    mallory_.fetch({.purchase = bought_.id(), .output = dir_ / "stolen", .on_progress = {}}),
                    {"not_buyer"});
    return {};
}

/// Alice's session token in Mallory's hands: worth nothing without Alice's key.
Status DemoTrade::captured_session() {
    FS_ASSIGN(const auto storage, first_operator());
    base::net::HttpClient http(connection_.profile().trusted_roots);
    FS_ASSIGN(const auto opened, session::open_session(http, session_request(storage), alice_key_, base::wall_now()));
    const auto url = fmt::format("{}/v1/streams/{}/frames", storage.https_url(),
                                 base::to_hex(identity::crypto::stream_hash(bought_.stream_id())));
    const auto range = fmt::format("?from={}&limit=1", bought_.batch().first_sequence());
    const auto ask = [&](const SigningKey& key) {
        return http.request("GET", url + range, session::request_headers(opened, key, "GET", url, base::wall_now()), "",
                            std::chrono::seconds(10));
    };
    FS_ASSIGN(const auto with_own_key, ask(alice_key_));
    FS_ASSIGN(const auto with_another_key, ask(mallory_key_));
    report_.proved(with_own_key.status == 200 && (with_another_key.status == 401 || with_another_key.status == 403),
                   fmt::format("a captured session with another key: HTTP {} (its holder gets HTTP {})",
                               with_another_key.status, with_own_key.status));
    return {};
}

std::string DemoTrade::label(const std::string& account) const {
    if (account == seller_.did()) return "seller";
    if (account == alice_.did()) return "client 1, the buyer";
    if (account == mallory_.did()) return "client 2";
    const auto known = operators_.find(account);
    return known == operators_.end() ? account : known->second;
}

}  // namespace fairstream::network
