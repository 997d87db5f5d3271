#include "tests/chaincode/market.hpp"

#include "chaincode/schema/custody_records.hpp"

#include <algorithm>
#include <stdexcept>

#include "base/encoding.hpp"
#include "chaincode/schema/names.hpp"
#include "identity/credential/presentation.hpp"
#include "identity/crypto/frame.hpp"
#include "identity/crypto/merkle.hpp"
#include "tests/support/delivery_receipt.hpp"

namespace fairstream::chaincode::tests {

namespace crypto = identity::crypto;
namespace custody = identity::crypto::custody;
namespace names = schema::names;
using rules::as_field;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kPiece = 100;  // bytes of plaintext in a frame

template <typename Array>
Array to_array(const std::string& bytes) {
    Array out{};
    if (bytes.size() != out.size()) throw std::runtime_error("wrong length");
    std::copy(bytes.begin(), bytes.end(), out.begin());
    return out;
}

custody::DealContext deal_context(const Chain& chain, const std::string& stream_id, std::uint32_t key_epoch,
                                  const std::string& seller) {
    custody::DealContext context{.network = chain.name(),
                                 .stream = stream_id,
                                 .key_epoch = key_epoch,
                                 .seller = seller,
                                 .roster = {},
                                 .threshold = chain.channel().config().custody_threshold()};
    for (const auto& organisation : chain.organisations())
        context.roster.emplace_back(organisation.name, organisation.custodian.public_key().compressed());
    return context;
}

}  // namespace

Market::Market() {
    std::vector<schema::GovernedCall> calls;
    schema::MintRequest mint;
    mint.set_account(names::account::kFaucet);
    mint.set_amount_micro(kFaucetSupply);
    calls.push_back(governed(names::contract::kCredits, names::credits::kMint, mint));
    schema::TrustIssuerRequest trust_request;
    trust_request.mutable_issuer()->set_did(issuer.did);
    trust_request.mutable_issuer()->set_name("issuer1");
    trust_request.mutable_issuer()->set_weight(800'000);
    trust_request.mutable_issuer()->set_active(true);
    calls.push_back(governed(names::contract::kActors, names::actors::kTrustIssuer, trust_request));
    for (const auto* const name : {"op1", "op2", "op3", "op4"}) {
        const auto who = operators[name] = new_actor();
        schema::RegisterOperatorRequest request;
        request.mutable_operator_()->set_name(name);
        request.mutable_operator_()->set_organisation("org1");
        request.mutable_operator_()->set_did(who.did);
        request.mutable_operator_()->set_active(true);
        calls.push_back(
            governed(names::contract::kSecurityManager, names::security_manager::kRegisterOperator, request));
    }
    const auto founded = decide(std::move(calls));
    if (!founded) throw std::runtime_error(founded.error().message);
    if (!founded->executed()) throw std::runtime_error("the founding decision did not run");
}

schema::GovernedCall Market::governed(std::string_view contract, std::string_view function,
                                      const google::protobuf::Message& request) const {
    schema::GovernedCall call;
    call.set_contract(std::string(contract));
    call.set_function(std::string(function));
    call.set_arguments(request.SerializeAsString());
    return call;
}

schema::Decision Market::decision(std::vector<schema::GovernedCall> calls, std::string_view title) const {
    schema::Decision decision;
    decision.set_title(std::string(title));
    decision.set_nonce(as_field(crypto::random_bytes(16)));
    for (auto& call : calls) *decision.add_calls() = std::move(call);
    return decision;
}

Result<schema::ApproveReply> Market::approve(const Who& admin, const schema::Decision& decision) {
    schema::ApproveRequest request;
    *request.mutable_decision() = decision;
    return chain.submit<schema::ApproveReply>(admin, names::contract::kGovernance, names::governance::kApprove,
                                              request);
}

Result<schema::ApproveReply> Market::decide(std::vector<schema::GovernedCall> calls) {
    const auto what = decision(std::move(calls));
    FS_TRY(approve(chain.organisations()[0].admin, what));
    FS_TRY(approve(chain.organisations()[1].admin, what));
    return approve(chain.organisations()[2].admin, what);
}

Status Market::trust(const std::string& issuer_did, std::uint32_t weight, bool active,
                     const std::vector<std::string>& types) {
    schema::TrustIssuerRequest request;
    request.mutable_issuer()->set_did(issuer_did);
    request.mutable_issuer()->set_name("issuer");
    request.mutable_issuer()->set_weight(weight);
    request.mutable_issuer()->set_active(active);
    for (const auto& type : types) request.mutable_issuer()->add_types(type);
    FS_TRY(decide({governed(names::contract::kActors, names::actors::kTrustIssuer, request)}));
    return {};
}

std::string Market::credential(const Who& subject, const Who& by, std::string_view type,
                               std::chrono::hours life) const {
    return identity::credential::issue(by.key, {.id = "urn:uuid:00000000-0000-4000-8000-000000000001",
                                                .subject = subject.did,
                                                .type = std::string(type),
                                                .claims = {},
                                                .valid_from = chain.now() - 1h,
                                                .valid_until = chain.now() + life})
        .value();
}

Result<schema::Actor> Market::register_seller(const Who& who, const std::string& credential_jwt) {
    schema::RegisterRequest request;
    request.set_did(who.did);
    request.set_public_key(as_field(who.key.public_key().compressed()));
    Bytes presentation;
    if (!credential_jwt.empty())
        presentation = to_bytes(std::string_view(
            identity::credential::present(who.key, credential_jwt, chain.name(), "nonce-of-this-test", chain.now())
                .value()));
    FS_ASSIGN(const auto reply,
              chain.submit<schema::ActorReply>(who, names::contract::kActors, names::actors::kRegisterAndVerifySeller,
                                               request, presentation));
    return reply.actor();
}

Result<schema::Actor> Market::register_client(const Who& who, const std::string& credential_jwt) {
    schema::RegisterRequest request;
    request.set_did(who.did);
    request.set_public_key(as_field(who.key.public_key().compressed()));
    Bytes presentation;
    if (!credential_jwt.empty())
        presentation = to_bytes(std::string_view(
            identity::credential::present(who.key, credential_jwt, chain.name(), "nonce-of-this-test", chain.now())
                .value()));
    FS_ASSIGN(const auto reply,
              chain.submit<schema::ActorReply>(who, names::contract::kActors, names::actors::kRegisterAndVerifyClient,
                                               request, presentation));
    return reply.actor();
}

Result<schema::Actor> Market::actor(const std::string& did) {
    schema::GetActorRequest request;
    request.set_did(did);
    FS_ASSIGN(const auto reply,
              chain.query<schema::ActorReply>(issuer, names::contract::kActors, names::actors::kGetActor, request));
    return reply.actor();
}

Status Market::faucet(const Who& who, std::int64_t amount_micro) {
    schema::FaucetRequest request;
    request.set_amount_micro(amount_micro);
    FS_TRY(chain.submit<schema::Empty>(who, names::contract::kCredits, names::credits::kFaucet, request));
    return {};
}

std::int64_t Market::balance(const std::string& account) {
    schema::BalanceRequest request;
    request.set_account(account);
    return chain.query<schema::BalanceReply>(issuer, names::contract::kCredits, names::credits::kBalance, request)
        .value()
        .amount_micro();
}

Who Market::verified_seller() {
    auto seller = new_actor();
    register_seller(seller, credential(seller, issuer)).value();
    return seller;
}

Who Market::client_with(std::int64_t amount_micro) {
    auto client = new_actor();
    register_client(client).value();
    if (amount_micro > 0 && !faucet(client, amount_micro)) throw std::runtime_error("the faucet refused");
    return client;
}

Result<schema::Offer> Market::create_offer(const Who& seller, std::int64_t price_micro, schema::Terms terms,
                                           const std::string& topic) {
    schema::CreateOfferRequest request;
    auto& draft = *request.mutable_draft();
    draft.set_topic(topic);
    draft.set_mode("one-off");
    draft.set_price_micro(price_micro);
    *draft.mutable_terms() = std::move(terms);
    draft.set_title("Counts of cars");
    FS_ASSIGN(const auto reply, chain.submit<schema::OfferReply>(seller, names::contract::kMarketplace,
                                                                 names::marketplace::kCreateOffer, request));
    return reply.offer();
}

Result<schema::RequestUploadTokenReply> Market::upload_token(const Who& seller, const std::string& offer) {
    schema::RequestUploadTokenRequest request;
    request.set_offer(offer);
    request.set_public_key(as_field(seller.key.public_key().compressed()));
    return chain.submit<schema::RequestUploadTokenReply>(seller, names::contract::kMarketplace,
                                                         names::marketplace::kRequestUploadToken, request);
}

Result<schema::GrantReply> Market::draw(const std::string& grant) {
    schema::DrawOperatorsRequest request;
    request.set_grant(grant);
    return chain.submit<schema::GrantReply>(issuer, names::contract::kSecurityManager,
                                            names::security_manager::kDrawOperators, request);
}

Result<schema::DealingRecord> Market::deal(const Who& seller, const std::string& stream_id, std::uint32_t key_epoch) {
    const auto context = deal_context(chain, stream_id, key_epoch, seller.did);
    const auto dealt = custody::deal(context).value();
    return chain.submit<schema::DealingRecord>(seller, names::contract::kCustody, names::custody::kDeal,
                                               schema::deal_request(context, dealt.dealing),
                                               ledger::proto::encode(schema::share_package(dealt.dealing)));
}

Result<custody::StreamKey> Market::deal_key(const Who& seller, const std::string& stream_id, std::uint32_t key_epoch) {
    const auto context = deal_context(chain, stream_id, key_epoch, seller.did);
    const auto dealt = custody::deal(context).value();
    FS_TRY(chain.submit<schema::DealingRecord>(seller, names::contract::kCustody, names::custody::kDeal,
                                               schema::deal_request(context, dealt.dealing),
                                               ledger::proto::encode(schema::share_package(dealt.dealing))));
    return dealt.key;
}

void Market::fill_frames(Stored& stored, std::size_t count) const {
    const auto stream = crypto::stream_hash(stored.token.stream_id());
    stored.plaintext = crypto::random_bytes(count * kPiece);
    for (std::size_t i = 0; i < count; ++i) {
        const crypto::FrameHeader header{.flags = 0,
                                         .stream = stream,
                                         .writer = {1, 2, 3},
                                         .key_epoch = stored.token.key_epoch(),
                                         .sequence = stored.token.next_sequence() + i,
                                         .time_us = base::to_us(chain.now())};
        stored.frames.push_back(crypto::seal_frame(stored.key.encryption_subkey(), header,
                                                   ByteView(stored.plaintext).subspan(i * kPiece, kPiece)));
    }
}

schema::Manifest Market::manifest_of(const Stored& stored) const {
    std::vector<Hash> leaves;
    for (const auto& frame : stored.frames) leaves.push_back(crypto::merkle_leaf(frame));
    schema::Manifest manifest;
    manifest.set_stream(as_field(crypto::stream_hash(stored.token.stream_id())));
    manifest.set_writer(std::string("\x01\x02\x03", 3) + std::string(13, '\0'));
    manifest.set_first(stored.token.next_sequence());
    manifest.set_last(stored.token.next_sequence() + stored.frames.size() - 1);
    manifest.set_root(as_field(crypto::merkle_root(leaves)));
    if (manifest.first() > 1) manifest.set_previous(std::string(32, 'p'));
    manifest.set_closing(true);
    manifest.set_sigma_d(as_field(crypto::hmac_sha256(stored.key.mac_subkey(), stored.plaintext)));
    return manifest;
}

schema::UploadDataStreamRequest Market::proof(const Who& seller, const std::string& grant,
                                              const schema::Manifest& manifest,
                                              const std::vector<std::string>& by) const {
    schema::SignedManifest signed_manifest;
    signed_manifest.set_manifest(manifest.SerializeAsString());
    signed_manifest.set_signature(signature(seller.key, "manifest/v1", signed_manifest.manifest()));
    schema::UploadDataStreamRequest request;
    request.set_grant(grant);
    request.set_token_signature(signature(seller.key, "upload-token/v1", grant));
    request.set_closing_manifest(signed_manifest.SerializeAsString());
    schema::Mark mark;
    mark.set_stream(manifest.stream());
    mark.set_through(manifest.last());
    mark.set_manifest_head(as_field(crypto::sha256(as_bytes(signed_manifest.manifest()))));
    // Each operator signs one root over the marks of three streams; ours is the second.
    for (const auto& name : by) {
        const std::vector<Hash> leaves = {crypto::merkle_leaf(as_bytes("another stream's mark")),
                                          crypto::merkle_leaf(as_bytes(mark.SerializeAsString())),
                                          crypto::merkle_leaf(as_bytes("a third one's"))};
        auto& receipt = *request.add_receipts();
        receipt.set_operator_(name);
        receipt.set_root(as_field(crypto::merkle_root(leaves)));
        receipt.set_mark_count(leaves.size());
        receipt.set_time_us(base::to_us(chain.now()));
        receipt.set_mark(mark.SerializeAsString());
        receipt.set_mark_index(1);
        for (const auto& step : crypto::merkle_path(leaves, 1)) receipt.add_path(as_field(step));
        Bytes count;
        Bytes time;
        base::append_u64(count, receipt.mark_count());
        base::append_u64(time, receipt.time_us());
        const auto payload =
            base::lp(std::string_view(name), std::string_view(receipt.root()), ByteView(count), ByteView(time));
        receipt.set_signature(signature(operators.at(name).key, "storage-receipt/v1", as_text(payload)));
    }
    return request;
}

Market::Stored Market::store(const Who& seller, const schema::Offer& offer, std::size_t frame_count) {
    Stored stored;
    stored.token = upload_token(seller, offer.id()).value();
    chain.commit({});
    const auto drawn = draw(stored.token.grant()).value();
    stored.drawn.assign(drawn.grant().operators().begin(), drawn.grant().operators().end());
    stored.key = deal_key(seller, offer.stream_id(), stored.token.key_epoch()).value();
    make_batch(seller, stored, frame_count);
    return stored;
}

void Market::make_batch(const Who& seller, Stored& stored, std::size_t frame_count) const {
    fill_frames(stored, frame_count);
    const auto manifest = manifest_of(stored);
    stored.upload = proof(seller, stored.token.grant(), manifest, stored.drawn);
    stored.batch.set_first_sequence(manifest.first());
    stored.batch.set_last_sequence(manifest.last());
    stored.batch.set_key_epoch(stored.token.key_epoch());
    stored.batch.set_merkle_root(manifest.root());
    stored.batch.set_sigma_d(manifest.sigma_d());
    stored.batch.set_plaintext_bytes(stored.plaintext.size());
    stored.batch.set_manifest_root(as_field(crypto::sha256(as_bytes(manifest.SerializeAsString()))));
    stored.batch.set_name("cars.csv");
}

Result<schema::UploadRecord> Market::upload(const Who& seller, const Stored& stored) {
    return chain.submit<schema::UploadRecord>(seller, names::contract::kSecurityManager,
                                              names::security_manager::kUploadDataStream, stored.upload);
}

Result<schema::OfferReply> Market::record(const Who& seller, const schema::Offer& offer, const Stored& stored) {
    schema::RecordStreamDetailsRequest request;
    request.set_offer(offer.id());
    request.set_grant(stored.token.grant());
    *request.mutable_batch() = stored.batch;
    return chain.submit<schema::OfferReply>(seller, names::contract::kMarketplace,
                                            names::marketplace::kRecordStreamDetails, request);
}

Market::Stored Market::sell(const Who& seller, const schema::Offer& offer, std::size_t frame_count) {
    auto stored = store(seller, offer, frame_count);
    upload(seller, stored).value();
    record(seller, offer, stored).value();
    return stored;
}

SigningKey Market::purchase_key(const Who& buyer, const std::string& request_id) const {
    return SigningKey::from_scalar(crypto::hkdf_sha256(buyer.key.scalar(), {}, as_bytes(request_id), 32)).value();
}

schema::RequestDownloadTokenRequest Market::order(const Who& buyer, const schema::Offer& offer,
                                                  const std::string& request_id) const {
    const auto q = purchase_key(buyer, request_id);
    schema::RequestDownloadTokenRequest request;
    request.set_request_id(request_id);
    request.set_offer(offer.id());
    request.set_price_micro(offer.draft().price_micro());
    request.set_public_key(as_field(buyer.key.public_key().compressed()));
    request.set_buyer_key(as_field(q.public_key().compressed()));
    request.set_possession(
        as_field(q.sign(base::lp(std::string_view("fairstream/buyer-key/v1"), std::string_view(chain.name()),
                                 std::string_view(request_id), std::string_view(buyer.did)))));
    return request;
}

Result<schema::Purchase> Market::buy(const Who& buyer, const schema::Offer& offer, const std::string& request_id) {
    return request_download(buyer, order(buyer, offer, request_id));
}

Result<schema::Purchase> Market::request_download(const Who& buyer,
                                                  const schema::RequestDownloadTokenRequest& request) {
    FS_ASSIGN(const auto reply,
              chain.submit<schema::PurchaseReply>(buyer, names::contract::kMarketplace,
                                                  names::marketplace::kRequestDownloadToken, request));
    return reply.purchase();
}

Result<schema::Purchase> Market::purchase(const std::string& id) {
    schema::GetPurchaseRequest request;
    request.set_purchase(id);
    FS_ASSIGN(const auto reply, chain.query<schema::PurchaseReply>(issuer, names::contract::kMarketplace,
                                                                   names::marketplace::kGetPurchase, request));
    return reply.purchase();
}

Result<schema::ReleaseTask> Market::release_task(std::size_t organisation, const std::string& purchase,
                                                 std::uint32_t key_epoch) {
    schema::GetReleaseTaskRequest request;
    request.set_purchase(purchase);
    request.set_key_epoch(key_epoch);
    return chain.query<schema::ReleaseTask>(chain.organisations()[organisation].node, names::contract::kCustody,
                                            names::custody::kGetReleaseTask, request);
}

schema::ReleaseRequest Market::prepare_release(std::size_t organisation, const std::string& purchase,
                                               std::uint32_t key_epoch) {
    const auto task = release_task(organisation, purchase, key_epoch).value();
    const auto context =
        deal_context(chain, task.dealing().stream_id(), task.dealing().key_epoch(), task.dealing().seller());
    const auto released =
        custody::release(chain.organisations()[organisation].custodian, to_array<custody::Point>(task.y()),
                         to_array<custody::Point>(task.buyer_key()),
                         custody::release_context(context, purchase, task.buyer()))
            .value();
    auto request = schema::release_request(purchase, released);
    request.set_key_epoch(key_epoch);
    return request;
}

Result<schema::ReleaseRecord> Market::release(std::size_t organisation, const std::string& purchase,
                                              std::uint32_t key_epoch) {
    return release(chain.organisations()[organisation].node, prepare_release(organisation, purchase, key_epoch));
}

Result<schema::ReleaseRecord> Market::release(const Who& who, const schema::ReleaseRequest& request) {
    return chain.submit<schema::ReleaseRecord>(who, names::contract::kCustody, names::custody::kRelease, request);
}

void Market::release_enough(const std::string& purchase, std::uint32_t key_epoch) {
    for (std::size_t i = 0; i < 3; ++i) release(i, purchase, key_epoch).value();
}

schema::DownloadDataStreamRequest Market::receipt(const Who& buyer, const schema::Purchase& purchase,
                                                  std::uint64_t counter, const Served& served) const {
    schema::DownloadDataStreamRequest request;
    request.set_grant(purchase.grant());
    request.set_token_signature(signature(buyer.key, "download-token/v1", purchase.grant()));
    request.mutable_receipt()->set_receipt(
        fairstream::tests::delivery_receipt(purchase.id(), counter, served).SerializeAsString());
    request.mutable_receipt()->set_signature(signature(buyer.key, "delivery-receipt/v1", request.receipt().receipt()));
    return request;
}

Result<schema::DownloadReply> Market::deliver(const schema::DownloadDataStreamRequest& request) {
    return chain.submit<schema::DownloadReply>(issuer, names::contract::kSecurityManager,
                                               names::security_manager::kDownloadDataStream, request);
}

Result<schema::GrantReply> Market::grant(const std::string& id) {
    schema::GetGrantRequest request;
    request.set_grant(id);
    return chain.query<schema::GrantReply>(issuer, names::contract::kSecurityManager,
                                           names::security_manager::kGetGrant, request);
}

Result<schema::Purchase> Market::refund(const Who& who, const std::string& purchase) {
    schema::RefundRequest request;
    request.set_purchase(purchase);
    FS_ASSIGN(const auto reply, chain.submit<schema::PurchaseReply>(who, names::contract::kMarketplace,
                                                                    names::marketplace::kRefund, request));
    return reply.purchase();
}

std::string Market::signature(const SigningKey& key, std::string_view type, std::string_view payload) const {
    return as_field(key.sign(crypto::signing_input(type, chain.name(), as_bytes(payload))));
}

}  // namespace fairstream::chaincode::tests
