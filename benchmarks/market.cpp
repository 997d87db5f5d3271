#include "benchmarks/market.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <random>

#include "base/encoding.hpp"
#include "base/file.hpp"
#include "benchmarks/at_once.hpp"
#include "identity/credential/credential.hpp"
#include "identity/crypto/frame.hpp"

namespace fairstream::benchmarks {

namespace schema = chaincode::schema;
using identity::crypto::SigningKey;
using marketplace_dapp::client::Buyer;
using marketplace_dapp::client::Connection;
using marketplace_dapp::client::Seller;

namespace {

constexpr std::uint32_t kAtOnce = 64;  // transactions in flight
constexpr std::uint32_t kSay = 1'000;
constexpr std::int64_t kMoneyMicro = 1'000'000'000;

struct City {
    const char* name;
    double latitude, longitude;
};
constexpr std::array<City, 40> kCities{{
    {"amsterdam", 52.370, 4.895},    {"athens", 37.984, 23.728},     {"barcelona", 41.385, 2.173},
    {"berlin", 52.520, 13.405},      {"boston", 42.360, -71.059},    {"brussels", 50.850, 4.352},
    {"bucharest", 44.427, 26.103},   {"budapest", 47.498, 19.040},   {"cairo", 30.044, 31.236},
    {"chicago", 41.878, -87.630},    {"copenhagen", 55.676, 12.568}, {"delhi", 28.614, 77.209},
    {"dublin", 53.350, -6.260},      {"hamburg", 53.551, 9.994},     {"helsinki", 60.170, 24.938},
    {"istanbul", 41.008, 28.978},    {"lagos", 6.524, 3.379},        {"lima", -12.046, -77.043},
    {"lisbon", 38.722, -9.139},      {"london", 51.507, -0.128},     {"madrid", 40.417, -3.704},
    {"melbourne", -37.814, 144.963}, {"milan", 45.464, 9.190},       {"montreal", 45.502, -73.567},
    {"munich", 48.137, 11.575},      {"nairobi", -1.292, 36.822},    {"new-york", 40.713, -74.006},
    {"oslo", 59.914, 10.752},        {"paris", 48.857, 2.352},       {"prague", 50.076, 14.438},
    {"rome", 41.903, 12.496},        {"santiago", -33.449, -70.669}, {"seoul", 37.567, 126.978},
    {"singapore", 1.352, 103.820},   {"stockholm", 59.329, 18.069},  {"sydney", -33.869, 151.209},
    {"tokyo", 35.676, 139.650},      {"toronto", 43.653, -79.383},   {"vienna", 48.208, 16.374},
    {"warsaw", 52.230, 21.012},
}};

struct Kind {
    const char* domain;
    const char* thing;
    const char* quantity;
    const char* unit;
};
constexpr std::array<Kind, 20> kKinds{{
    {"factory", "boiler", "temperature", "Cel"},
    {"factory", "press", "vibration", "m/s2"},
    {"factory", "compressor", "pressure", "Pa"},
    {"factory", "robot", "torque", "Nm"},
    {"factory", "furnace", "heat", "W"},
    {"city", "traffic", "vehicles", "1"},
    {"city", "parking", "occupancy", "%"},
    {"city", "noise", "loudness", "dB"},
    {"city", "lighting", "luminance", "lx"},
    {"city", "waste", "level", "%"},
    {"air", "station", "particulates", "ug/m3"},
    {"air", "street", "ozone", "ug/m3"},
    {"water", "river", "gauge", "m"},
    {"water", "pipe", "flow", "m3/s"},
    {"energy", "solar", "power", "W"},
    {"energy", "wind", "speed", "m/s"},
    {"energy", "meter", "consumption", "kWh"},
    {"farm", "soil", "moisture", "%RH"},
    {"farm", "greenhouse", "humidity", "%RH"},
    {"rail", "axle", "acceleration", "m/s2"},
}};

/// The same for the same seed and on every machine.
class Dice {
public:
    explicit Dice(std::uint32_t seed) : random_(seed * 2'654'435'761u + 1) {}
    std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random_() % limit); }
    double between(double low, double high) { return low + (high - low) * below(1'000'001) / 1e6; }

private:
    std::mt19937 random_;
};

}  // namespace

schema::OfferDraft offer_draft(std::uint32_t number) {
    Dice dice(number);
    const auto& city = kCities[dice.below(kCities.size())];
    const auto& kind = kKinds[dice.below(kKinds.size())];
    schema::OfferDraft draft;
    draft.set_topic(fmt::format("{}/{}/{}-{}", kind.domain, city.name, kind.thing, number));
    draft.set_mode("one-off");
    draft.set_price_micro(10'000 * (1 + static_cast<std::int64_t>(dice.below(1'000))));
    draft.set_title(fmt::format("{} of {} {} in {}", kind.quantity, kind.thing, number, city.name));
    draft.set_description(fmt::format("{} readings of a {} in {}, one every {} seconds, calibrated {} days ago.",
                                      kind.quantity, kind.thing, city.name, 1 + dice.below(60), 1 + dice.below(365)));
    draft.add_tags(kind.domain);
    draft.add_tags(kind.quantity);
    draft.set_content_type("application/senml+json");
    draft.set_unit(kind.unit);
    draft.mutable_place()->set_latitude_e7(static_cast<std::int32_t>(1e7 * (city.latitude + dice.between(-0.4, 0.4))));
    draft.mutable_place()->set_longitude_e7(
        static_cast<std::int32_t>(1e7 * (city.longitude + dice.between(-0.4, 0.4))));
    return draft;
}

std::vector<std::string> text_searches() {
    std::vector<std::string> all;
    for (const auto& kind : kKinds) all.push_back(fmt::format("q={}", kind.quantity));
    for (const auto& kind : kKinds) all.push_back(fmt::format("q={}+{}", kind.thing, kind.domain));
    return all;
}

std::vector<std::string> place_searches() {
    std::vector<std::string> all;
    for (const auto& city : kCities)
        all.push_back(fmt::format("near={},{}&radius_km=50", city.latitude, city.longitude));
    return all;
}

std::vector<std::string> topic_searches() {
    std::vector<std::string> all;
    for (const auto& kind : kKinds)
        for (const auto price : {500'000, 5'000'000})
            all.push_back(fmt::format("topic={}/&max_price_micro={}", kind.domain, price));
    return all;
}

namespace {

class Making {
public:
    Making(Connection& connection, std::filesystem::path dir, const MarketShape& shape, const Progress& progress)
        : connection_(connection), dir_(std::move(dir)), shape_(shape), progress_(progress) {}

    Result<Market> run() {
        FS_TRY(register_sellers());
        FS_TRY(create_offers());
        if (shape_.purchases > 0) FS_TRY(buy());
        FS_ASSIGN(const auto info, connection_.ledger().info());
        market_.height = info.height();
        return std::move(market_);
    }

private:
    Status register_sellers() {
        for (std::uint32_t n = 0; n < shape_.sellers; ++n) sellers_.emplace_back(connection_, SigningKey::generate());
        progress_(fmt::format("registering {} sellers", shape_.sellers));
        return at_once(shape_.sellers, kAtOnce, [&](std::uint32_t n) { return join_as_seller(sellers_[n], dir_); });
    }

    Status create_offers() {
        progress_(fmt::format("creating {} offers, a transaction each", shape_.offers));
        market_.offers.resize(shape_.offers);
        std::atomic<std::uint32_t> made{0};
        const auto began = base::steady_now();
        FS_TRY(at_once(shape_.offers, kAtOnce, [&](std::uint32_t n) -> Status {
            FS_ASSIGN(const auto offer, sellers_[n % sellers_.size()].create_offer(offer_draft(n)));
            market_.offers[n] = offer.id();
            if (const auto now = ++made; now % kSay == 0) progress_(fmt::format("  {} of {}", now, shape_.offers));
            return {};
        }));
        market_.offers_per_second = shape_.offers / std::chrono::duration<double>(base::steady_now() - began).count();
        return {};
    }

    /// All of one batch, by one buyer.
    Status buy() {
        progress_(fmt::format("uploading a batch, making {} purchases of it", shape_.purchases));
        const auto file = dir_ / "bench-readings";
        FS_TRY(base::write_file(file, as_bytes(std::string(4'096, '1'))));
        FS_TRY(sellers_[0].upload(
            {.offer = market_.offers[0], .file = file, .state = dir_ / "state" / "bench", .on_progress = {}}));
        Buyer buyer(connection_, SigningKey::generate());
        FS_TRY(buyer.register_client(""));
        FS_TRY(buyer.faucet(kMoneyMicro));
        market_.purchases.resize(shape_.purchases);
        return at_once(shape_.purchases, kAtOnce, [&](std::uint32_t n) -> Status {
            FS_ASSIGN(const auto purchase,
                      buyer.buy(market_.offers[0], 1, base::to_hex(identity::crypto::random_bytes(16))));
            market_.purchases[n] = purchase.id();
            return {};
        });
    }

    Connection& connection_;
    const std::filesystem::path dir_;
    const MarketShape shape_;
    const Progress& progress_;
    std::vector<Seller> sellers_;
    Market market_;
};

}  // namespace

Status join_as_seller(Seller& seller, const std::filesystem::path& dir) {
    FS_ASSIGN(const auto issuer, SigningKey::load(dir / "keys" / "issuer1.key"));
    const auto now = base::wall_now();
    FS_ASSIGN(const auto credential,
              identity::credential::issue(issuer, {.id = "urn:uuid:" + base::to_hex(identity::crypto::random_bytes(16)),
                                                   .subject = seller.did(),
                                                   .type = "VerifiedSeller",
                                                   .claims = {},
                                                   .valid_from = now - std::chrono::minutes(1),
                                                   .valid_until = now + std::chrono::hours(24)}));
    FS_TRY(seller.register_and_verify(credential));
    return {};
}

Result<Market> make_market(Connection& connection, const std::filesystem::path& dir, const MarketShape& shape,
                           const Progress& progress) {
    return Making(connection, dir, shape, progress).run();
}

}  // namespace fairstream::benchmarks
