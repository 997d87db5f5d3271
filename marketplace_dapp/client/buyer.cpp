#include "marketplace_dapp/client/buyer.hpp"

#include <fstream>
#include <thread>

#include "base/clock.hpp"
#include "chaincode/schema/custody_records.hpp"
#include "marketplace_dapp/client/purchase_key.hpp"
#include "mqtt_bridge/client/delivery_record.hpp"
#include "mqtt_bridge/client/reader.hpp"

namespace fairstream::marketplace_dapp::client {

namespace fs = std::filesystem;
namespace schema = chaincode::schema;
using ledger::proto::as_field;
namespace custody = identity::crypto::custody;
using identity::crypto::signing_input;
using namespace std::chrono_literals;

namespace {

constexpr auto kFirstPoll = 20ms;
constexpr auto kSlowestPoll = 500ms;

/// The plaintext, in a file beside its final place until everything has been checked.
class PartialFile {
public:
    explicit PartialFile(const fs::path& target)
        : target_(target), partial_(target.string() + ".part"), out_(partial_, std::ios::binary | std::ios::trunc) {}
    ~PartialFile() {
        out_.close();
        std::error_code ignored;
        fs::remove(partial_, ignored);  // gone already when kept
    }

    Status write(ByteView bytes) {
        out_.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        hasher_.update(bytes);
        if (!out_) return fail("io_error", "cannot write " + partial_.string());
        return {};
    }
    Result<identity::crypto::Hash> keep() {
        out_.close();
        std::error_code error;
        fs::rename(partial_, target_, error);
        if (!out_ || error) return fail("io_error", "cannot write " + target_.string());
        return hasher_.finish();
    }

private:
    fs::path target_, partial_;
    std::ofstream out_;
    identity::crypto::Hasher hasher_;
};

std::vector<std::string> names_of(const std::vector<schema::OperatorRanges>& served) {
    std::vector<std::string> names;
    for (const auto& one : served) names.push_back(one.operator_());
    return names;
}

}  // namespace

Result<schema::Actor> Buyer::register_client(const std::string& credential_jwt) {
    return register_as("RegisterAndVerifyClient", credential_jwt);
}

Result<schema::OfferReply> Buyer::offer(const std::string& offer) {
    schema::GetOfferRequest request;
    request.set_offer(offer);
    return query<schema::OfferReply>("marketplace", "GetOffer", request);
}

Result<schema::ListOffersReply> Buyer::offers(const std::string& topic_prefix, const std::string& after,
                                              std::uint32_t limit) {
    schema::ListOffersRequest request;
    request.set_topic_prefix(topic_prefix);
    request.set_after(after);
    request.set_limit(limit);
    return query<schema::ListOffersReply>("marketplace", "ListOffers", request);
}

Result<schema::Purchase> Buyer::buy(const std::string& offer, std::uint32_t batch, const std::string& request_id) {
    schema::RequestDownloadTokenRequest request;
    request.set_request_id(request_id);
    request.set_batch(batch);
    return order(offer, std::move(request));
}

Result<schema::Purchase> Buyer::buy_time(const std::string& offer, std::uint32_t windows, const std::string& request_id,
                                         const std::string& after) {
    schema::RequestDownloadTokenRequest request;
    request.set_request_id(request_id);
    request.set_windows(windows);
    request.set_after(after);
    return order(offer, std::move(request));
}

Result<schema::Purchase> Buyer::order(const std::string& offer_id, schema::RequestDownloadTokenRequest request) {
    FS_ASSIGN(const auto listed, offer(offer_id));
    const auto& request_id = request.request_id();
    const auto q = purchase_key(who_.key, request_id);
    request.set_offer(offer_id);
    request.set_price_micro(listed.offer().draft().price_micro());
    request.set_public_key(as_field(who_.key.public_key().compressed()));
    request.set_buyer_key(as_field(q.public_key().compressed()));
    const auto possession =
        base::lp(std::string_view("fairstream/buyer-key/v1"), std::string_view(connection_.profile().network),
                 std::string_view(request_id), std::string_view(who_.did));
    request.set_possession(as_field(q.sign(possession)));
    FS_ASSIGN(auto reply, submit<schema::PurchaseReply>("marketplace", "RequestDownloadToken", request));
    return reply.purchase();
}

Result<schema::Purchase> Buyer::purchase(const std::string& purchase) {
    schema::GetPurchaseRequest request;
    request.set_purchase(purchase);
    FS_ASSIGN(auto reply, query<schema::PurchaseReply>("marketplace", "GetPurchase", request));
    return reply.purchase();
}

Result<schema::ListPurchasesReply> Buyer::purchases(const std::string& after, std::uint32_t limit) {
    schema::ListPurchasesRequest request;
    request.set_buyer(who_.did);
    request.set_after(after);
    request.set_limit(limit);
    return query<schema::ListPurchasesReply>("marketplace", "ListPurchases", request);
}

Result<custody::StreamKey> Buyer::open_key(const schema::Purchase& purchase, const OnProgress& on_progress) {
    schema::GetReleasesRequest request;
    request.set_purchase(purchase.id());
    const auto deadline = base::steady_now() + kKeysWithin;
    for (auto pause = kFirstPoll;; pause = std::min(kSlowestPoll, pause * 2)) {
        FS_ASSIGN(const auto reply, query<schema::GetReleasesReply>("custody", "GetReleases", request));
        const auto have = static_cast<std::uint32_t>(reply.releases_size());
        const auto need = reply.dealing().threshold();
        if (on_progress) on_progress({.step = "waiting for the custodians", .done = have, .total = need});
        if (have >= need && need > 0) {
            FS_ASSIGN(const auto context, schema::deal_context(connection_.profile().network, reply.dealing()));
            FS_ASSIGN(const auto released, schema::to_releases(reply));
            FS_ASSIGN(const auto check_value, identity::crypto::to_hash(as_bytes(reply.dealing().key_check_value())));
            return custody::combine(purchase_key(who_.key, purchase.request_id()), released, context, check_value);
        }
        if (base::steady_now() > deadline)
            return fail("keys_not_released", "only " + std::to_string(have) + " of " + std::to_string(need) +
                                                 " custodians have released their share; fetch again later");
        std::this_thread::sleep_for(pause);
    }
}

Result<Fetched> Buyer::fetch(const FetchRequest& request) {
    Stopwatch watch;
    FS_ASSIGN(auto bought, purchase(request.purchase));
    if (bought.buyer() != who_.did)
        return fail("not_buyer", "purchase " + bought.id() + " is " + bought.buyer() + "'s");
    FS_ASSIGN(const auto key, open_key(bought, request.on_progress));
    watch.mark("key release");
    FS_ASSIGN(const auto grant, drawn_grant(bought.grant()));
    FS_ASSIGN(const auto merkle_root, identity::crypto::to_hash(as_bytes(bought.batch().merkle_root())));
    FS_ASSIGN(const auto sigma_d, identity::crypto::to_hash(as_bytes(bought.batch().sigma_d())));
    PartialFile file(request.output);
    const auto scratch = fs::path(request.output.string() + ".scratch");
    auto delivery = mqtt_bridge::client::read_batch(
        {.network = connection_.profile().network,
         .grant = bought.grant(),
         .purchase = bought.id(),
         .holder = who_.key,
         .stream_id = bought.stream_id(),
         .first_sequence = bought.batch().first_sequence(),
         .last_sequence = bought.batch().last_sequence(),
         .merkle_root = merkle_root,
         .sigma_d = sigma_d,
         .encryption_subkey = key.encryption_subkey(),
         .mac_subkey = key.mac_subkey(),
         .operators = endpoints(grant, bought.id()),
         .trusted_roots = connection_.profile().trusted_roots,
         .scratch = scratch,
         .receipt_counter = base::to_us(base::wall_now()),
         .on_progress =
             [&](const mqtt_bridge::client::ReaderProgress& progress) {
                 if (request.on_progress)
                     request.on_progress(
                         {.step = "fetching", .done = progress.frames_fetched, .total = progress.frames_total});
             }},
        [&](ByteView plaintext) { return file.write(plaintext); });
    std::error_code ignored;
    fs::remove_all(scratch, ignored);
    if (!delivery) return fail(delivery.error());
    Fetched result;
    FS_ASSIGN(result.plaintext_sha256, file.keep());
    watch.mark("download, decryption, checks");
    if (bought.state() != schema::SETTLED) {
        FS_ASSIGN(result.paid_micro, hand_in(bought, delivery->receipt));
        watch.mark("receipt and payment");
    }
    FS_ASSIGN(result.purchase, purchase(bought.id()));
    result.bytes = delivery->plaintext_bytes;
    result.served_by = names_of(delivery->served);
    result.faults = std::move(delivery->faults);
    result.steps = watch.steps();
    return result;
}

Result<schema::Purchase> Buyer::renew(const schema::Purchase& former, std::uint32_t windows) {
    // The request id follows from the former purchase: a renewal is bought once, however often this is tried.
    const auto request_id = "renew-" + former.id();
    auto bought = buy_time(former.agreement().offer(), windows, request_id, former.id());
    if (bought || (bought.error().code != "already_renewed" && bought.error().code != "duplicate_request"))
        return bought;
    FS_ASSIGN(const auto now, purchase(former.id()));
    return purchase(now.renewed_by());
}

Result<std::vector<Subscribed>> Buyer::subscribe(const std::string& id, SubscribeRequest request,
                                                 std::uint32_t renew_windows) {
    if (renew_windows > 0)
        request.renew = [this, renew_windows](const schema::Purchase& former) -> Result<std::string> {
            FS_ASSIGN(const auto renewal, renew(former, renew_windows));
            return renewal.id();
        };
    Subscription subscription(connection_, who_, std::move(request));
    for (auto next = id; !next.empty();) {
        FS_ASSIGN(const auto bought, purchase(next));
        FS_ASSIGN(const auto grant, drawn_grant(bought.grant()));
        FS_ASSIGN(const auto read, subscription.read(bought, grant));
        next = read.over && !read.stopped ? read.renewal : std::string();
        if (next.empty() && read.over && renew_windows > 0) next = bought.renewed_by();
    }
    return subscription.finish();
}

Result<std::int64_t> Buyer::hand_in(const schema::Purchase& purchase, const schema::SignedDeliveryReceipt& receipt) {
    schema::DownloadDataStreamRequest request;
    request.set_grant(purchase.grant());
    request.set_token_signature(
        as_field(mqtt_bridge::client::sign_download_token(purchase.grant(), connection_.profile().network, who_.key)));
    *request.mutable_receipt() = receipt;
    FS_ASSIGN(const auto reply, submit<schema::DownloadReply>("security_manager", "DownloadDataStream", request));
    return reply.paid_micro();
}

Result<schema::Purchase> Buyer::refund(const std::string& purchase) {
    schema::RefundRequest request;
    request.set_purchase(purchase);
    FS_ASSIGN(auto reply, submit<schema::PurchaseReply>("marketplace", "Refund", request));
    return reply.purchase();
}

}  // namespace fairstream::marketplace_dapp::client
