#include "network/demo_stream.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "identity/did/did_key.hpp"
#include "marketplace_dapp/cli/render.hpp"
#include "marketplace_dapp/client/purchase_key.hpp"
#include "network/demo.hpp"

namespace fairstream::network {

namespace client = marketplace_dapp::client;
namespace json = boost::json;
namespace schema = chaincode::schema;
using ledger::proto::as_field;
using marketplace_dapp::cli::credits;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t kWindowSeconds = 10;
constexpr std::int64_t kPriceMicro = 1'000'000;
constexpr std::int64_t kFaucetMicro = 5'000'000;
constexpr auto kEvery = 50ms;
constexpr auto kKeyEpoch = 3s;
constexpr double kPerDegree = 1e7;
constexpr double kLatitude = 52.5200, kLongitude = 13.4050;  // where the demo says that its sensors are
constexpr char kNearby[] = "52.53,13.41";
constexpr auto kReadModelWithin = 10s;
constexpr std::uint32_t kContent = 900'000, kFair = 800'000;  // opinions

/// Keeps what is read, to be compared.
class Collected : public client::ReadingSink {
public:
    Status write(const client::Reading& reading) override {
        readings.emplace_back(reading.text);
        bytes_ += reading.text.size();
        return {};
    }
    Status flush() override { return {}; }
    std::uint64_t end() const override { return bytes_; }
    Status resume(std::uint64_t) override { return {}; }

    std::vector<std::string> readings;

private:
    std::uint64_t bytes_ = 0;
};

/// Consecutive readings of what was written?
bool is_part_of(const std::vector<std::string>& part, const std::vector<std::string>& whole) {
    return !part.empty() && std::ranges::search(whole, part).size() == part.size();
}

std::string text_at(const json::object& object, std::string_view name) {
    const auto* member = object.if_contains(name);
    return member != nullptr && member->is_string() ? std::string(member->get_string()) : std::string();
}

}  // namespace

DemoStream::DemoStream(DemoReport& report, client::Connection& connection, std::filesystem::path dir, DemoTrade& before)
    : report_(report),
      connection_(connection),
      dir_(std::move(dir)),
      before_(before),
      carol_{.key = carol_key_, .did = identity::did::did_from_key(carol_key_.public_key()), .certificate = {}} {}

DemoStream::~DemoStream() {
    enough_ = true;
    if (seller_.joinable()) seller_.join();
}

Status DemoStream::run() {
    FS_TRY(offer());
    FS_TRY(find());
    FS_TRY(buy());
    FS_TRY(read());
    FS_TRY(rate());
    report_.times(watch_.steps());
    return {};
}

Status DemoStream::offer() {
    report_.step("A live stream: this machine's sensors, sold by the window");
    schema::OfferDraft draft;
    draft.set_topic("demo/sensors");
    draft.set_mode("stream");
    draft.set_window_s(kWindowSeconds);
    draft.set_price_micro(kPriceMicro);
    draft.set_title("Load, memory and temperature of a machine, live");
    draft.set_content_type("application/senml+json");
    draft.mutable_place()->set_latitude_e7(static_cast<std::int32_t>(kLatitude * kPerDegree));
    draft.mutable_place()->set_longitude_e7(static_cast<std::int32_t>(kLongitude * kPerDegree));
    FS_ASSIGN(offer_, before_.seller().create_offer(draft));
    FS_ASSIGN(auto streamer, before_.seller().stream(
                                 {.offer = offer_.id(), .state = dir_ / "state" / "streamer", .key_epoch = kKeyEpoch}));
    seller_ = std::thread([this, streaming = std::move(streamer)]() mutable {
        sold_ = [&]() -> Result<client::Streamed> {
            for (auto next = base::steady_now(); !enough_; next += kEvery) {
                written_.push_back(sensor_reading());
                FS_TRY(streaming->write(as_bytes(written_.back())));
                do FS_TRY(streaming->pump(std::chrono::duration_cast<std::chrono::milliseconds>(kEvery) / 5));
                while (!enough_ && base::steady_now() < next);
            }
            return streaming->finish();
        }();
    });
    report_.say(fmt::format("{} readings a second, {} credits for {} s, a new key every {} s", 1000ms / kEvery,
                            credits(kPriceMicro), kWindowSeconds, kKeyEpoch / 1s));
    watch_.mark("stream: offer, token, first key");
    return {};
}

/// The seller's trust score as the catalogue shows it beside the offer. Error: not_found (not yet).
Result<std::uint32_t> DemoStream::shown_trust() {
    FS_ASSIGN(const auto page,
              dapp_->get("/api/v1/offers", {{"near", kNearby}, {"radius_km", "25"}, {"mode", "stream"}}));
    const auto* offers = page.if_contains("offers");
    if (offers != nullptr && offers->is_array())
        for (const auto& offer : offers->get_array())
            if (offer.is_object() && text_at(offer.get_object(), "id") == offer_.id())
                return static_cast<std::uint32_t>(offer.get_object().at("seller_trust").to_number<std::int64_t>());
    return fail("not_found", "the catalogue does not list the offer");
}

Status DemoStream::find() {
    report_.step("Search by place, through the DApp's REST interface");
    FS_ASSIGN(dapp_, client::DappClient::of(connection_.profile()));
    const auto deadline = base::steady_now() + kReadModelWithin;
    auto trust = shown_trust();
    while (!trust && base::steady_now() < deadline) {
        std::this_thread::sleep_for(50ms);
        trust = shown_trust();
    }
    if (!trust) return fail(trust.error());
    report_.proved(
        true, fmt::format("GET /api/v1/offers?near={}&radius_km=25&mode=stream lists it, its seller's trust score {}",
                          kNearby, marketplace_dapp::cli::rate(*trust)));
    watch_.mark("stream: found over REST");
    return {};
}

Status DemoStream::buy() {
    report_.step("Purchase through REST: the DApp prepares, the client compares and signs");
    schema::RegisterRequest registration;
    registration.set_did(carol_.did);
    registration.set_public_key(as_field(carol_key_.public_key().compressed()));
    FS_ASSIGN(const auto registered,
              dapp_->submit<schema::ActorReply>(carol_, "actors", "RegisterAndVerifyClient", registration));
    FS_TRY(buyer_.faucet(kFaucetMicro));
    schema::RequestDownloadTokenRequest request;
    request.set_request_id(base::to_hex(identity::crypto::random_bytes(16)));
    request.set_offer(offer_.id());
    request.set_price_micro(kPriceMicro);
    request.set_windows(1);
    request.set_public_key(as_field(carol_key_.public_key().compressed()));
    const auto q = client::purchase_key(carol_key_, request.request_id());
    request.set_buyer_key(as_field(q.public_key().compressed()));
    request.set_possession(as_field(
        q.sign(base::lp(std::string_view("fairstream/buyer-key/v1"), std::string_view(connection_.profile().network),
                        std::string_view(request.request_id()), std::string_view(carol_.did)))));
    FS_ASSIGN(const auto reply,
              dapp_->submit<schema::PurchaseReply>(carol_, "marketplace", "RequestDownloadToken", request));
    bought_ = reply.purchase();
    report_.proved(bought_.has_window() && bought_.buyer() == carol_.did,
                   fmt::format("client {} bought {} s of it, {} credits in escrow: purchase {}",
                               registered.actor().did(), kWindowSeconds, credits(kPriceMicro), bought_.id()));
    watch_.mark("stream: joined and bought over REST");
    return {};
}

Status DemoStream::read() {
    report_.step("Read it as it is born, while the keys roll");
    Collected collected;
    FS_ASSIGN(const auto runs,
              buyer_.subscribe(bought_.id(),
                               {.state = dir_ / "state" / "carol", .sink = &collected, .stop = [] { return false; }}));
    enough_ = true;
    seller_.join();
    FS_TRY(sold_);
    const auto& run = runs.back();
    bought_ = run.purchase;
    report_.proved(run.over, fmt::format("the paid time ended by itself after {} readings; `renew` would go on",
                                         collected.readings.size()));
    report_.proved(is_part_of(collected.readings, written_),
                   fmt::format("they are the seller's, in order, none missing and none twice ({} were written in all)",
                               written_.size()));
    report_.proved(
        run.status.batches_checked >= 2,
        fmt::format("{} key epochs were checked against the Merkle roots on the ledger", run.status.batches_checked));
    report_.proved(bought_.paid_micro() > 0,
                   fmt::format("receipts paid {} of {} credits out of escrow, the rest returns",
                               credits(bought_.paid_micro()), credits(kPriceMicro)));
    watch_.mark("stream: read to the end of what was paid");
    return {};
}

Status DemoStream::rate() {
    report_.step("Ratings, and the trust scores that follow");
    client::Rater alice(connection_, before_.alice_key()), seller(connection_, before_.seller_key());
    const auto& purchase = before_.bought().id();
    FS_ASSIGN(const auto score_before, seller.score(seller.did()));
    FS_TRY(alice.rate(purchase, seller.did(), kContent));
    FS_TRY(seller.rate(purchase, alice.did(), kFair));
    report_.proved(true, "both sides of the first purchase rated, as commitments: neither knows the other's opinion");
    FS_ASSIGN(const auto epoch, seller.seal());
    FS_TRY(alice.reveal(purchase, seller.did(), kContent));
    report_.refused("another opinion than the one committed to", seller.reveal(purchase, alice.did(), kContent),
                    {"commitment_mismatch"});
    FS_TRY(seller.reveal(purchase, alice.did(), kFair));
    FS_ASSIGN(const auto computed, seller.compute());
    FS_ASSIGN(const auto score_after, seller.score(seller.did()));
    report_.proved(!computed.empty() && score_after.ratings() == 1,
                   fmt::format("trust epoch {} computed by every node: the seller's score went from {} to {}",
                               epoch.epoch(), marketplace_dapp::cli::rate(score_before.trust_score()),
                               marketplace_dapp::cli::rate(score_after.trust_score())));
    const auto deadline = base::steady_now() + kReadModelWithin;
    auto shown = shown_trust();
    while ((!shown || *shown != score_after.trust_score()) && base::steady_now() < deadline) {
        std::this_thread::sleep_for(50ms);
        shown = shown_trust();
    }
    report_.proved(shown && *shown == score_after.trust_score(), "and the catalogue shows it beside the offer");
    watch_.mark("ratings and trust scores");
    return {};
}

}  // namespace fairstream::network
