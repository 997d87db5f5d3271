#include "benchmarks/trade_bench.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <mutex>
#include <utility>

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "base/file.hpp"
#include "benchmarks/at_once.hpp"
#include "benchmarks/latencies.hpp"
#include "benchmarks/market.hpp"
#include "benchmarks/operators_network.hpp"
#include "identity/crypto/hash.hpp"
#include "mqtt_bridge/client/writer.hpp"

namespace fairstream::benchmarks {

namespace fs = std::filesystem;
namespace json = boost::json;
using identity::crypto::SigningKey;
using marketplace_dapp::client::Buyer;
using marketplace_dapp::client::Connection;
using marketplace_dapp::client::Seller;
using marketplace_dapp::client::StepTime;

namespace {

constexpr std::int64_t kPriceMicro = 1'000;
constexpr std::int64_t kMoneyMicro = 100'000'000;

double seconds_since(std::chrono::microseconds began) {
    return std::chrono::duration<double>(base::steady_now() - began).count();
}

/// How long something took as a whole, and each of its phases.
class Phases {
public:
    void add(const std::vector<StepTime>& steps, std::chrono::microseconds whole) {
        for (const auto& step : steps) of(step.step).add(step.took);
        whole_.add(whole);
    }
    const Latencies& whole() const { return whole_; }
    json::object to_json() const {
        json::object phases;
        for (const auto& [name, latencies] : phases_) phases[name] = latencies.to_json();
        auto all = whole_.to_json();
        all["phases"] = std::move(phases);
        return all;
    }

private:
    Latencies& of(const std::string& name) {
        const auto found = std::ranges::find(phases_, name, &std::pair<std::string, Latencies>::first);
        return found != phases_.end() ? found->second : phases_.emplace_back(name, Latencies{}).second;
    }
    std::vector<std::pair<std::string, Latencies>> phases_;  // in the order in which they come
    Latencies whole_;
};

/// What some rounds of one combination took.
struct Figures {
    Phases upload, buying, fetch;
    double upload_s = 0, fetch_s = 0;  // until the last seller, the last buyer, had finished; all rounds together
};

/// One network, and those who trade on it.
class Trades {
public:
    Trades(Connection& connection, fs::path dir) : connection_(connection), dir_(std::move(dir)) {}

    Status join(std::uint32_t count) {
        for (std::uint32_t n = 0; n < count; ++n)
            pairs_.push_back({.seller = Seller(connection_, SigningKey::generate()),
                              .buyer = Buyer(connection_, SigningKey::generate()),
                              .offer = {},
                              .file = dir_ / fmt::format("bench-file-{}", n)});
        return at_once(count, count, [&](std::uint32_t n) { return join(pairs_[n], n); });
    }

    /// The first `count` sellers, a new file of `bytes` each.
    Status round(std::uint32_t count, std::uint64_t bytes, Figures& figures) {
        for (std::uint32_t n = 0; n < count; ++n)
            FS_TRY(base::write_file(pairs_[n].file, identity::crypto::random_bytes(bytes)));
        auto began = base::steady_now();
        FS_TRY(at_once(count, count, [&](std::uint32_t n) { return upload(n, figures); }));
        figures.upload_s += seconds_since(began);
        began = base::steady_now();
        FS_TRY(at_once(count, count, [&](std::uint32_t n) { return buy_and_fetch(pairs_[n], bytes, figures); }));
        figures.fetch_s += seconds_since(began);
        return {};
    }

private:
    struct Pair {
        Seller seller;
        Buyer buyer;
        std::string offer;
        fs::path file;
    };

    Status join(Pair& pair, std::uint32_t number) {
        FS_TRY(join_as_seller(pair.seller, dir_));
        chaincode::schema::OfferDraft draft;
        draft.set_topic(fmt::format("bench/trade-{}", number));
        draft.set_mode("one-off");
        draft.set_price_micro(kPriceMicro);
        FS_ASSIGN(const auto offer, pair.seller.create_offer(draft));
        pair.offer = offer.id();
        FS_TRY(pair.buyer.register_client(""));
        FS_TRY(pair.buyer.faucet(kMoneyMicro));
        return {};
    }

    Status upload(std::uint32_t number, Figures& figures) {
        auto& pair = pairs_[number];
        const auto began = base::steady_now();
        FS_ASSIGN(const auto done, pair.seller.upload({.offer = pair.offer,
                                                       .file = pair.file,
                                                       .state = dir_ / "state" / fmt::format("bench-{}", number),
                                                       .on_progress = {}}));
        const std::lock_guard lock(mutex_);
        figures.upload.add(done.steps, base::steady_now() - began);
        return {};
    }

    Status buy_and_fetch(Pair& pair, std::uint64_t bytes, Figures& figures) {
        const auto began = base::steady_now();
        FS_ASSIGN(const auto bought,
                  pair.buyer.buy(pair.offer, /*batch=*/0, base::to_hex(identity::crypto::random_bytes(16))));
        const auto paid = base::steady_now();
        FS_ASSIGN(const auto fetched, pair.buyer.fetch({.purchase = bought.id(),
                                                        .output = fs::path(pair.file.string() + ".bought"),
                                                        .on_progress = {}}));
        if (fetched.bytes != bytes) return fail("bad_answer", "what was bought is not as long as what was sold");
        const std::lock_guard lock(mutex_);
        figures.buying.add({}, paid - began);
        figures.fetch.add(fetched.steps, base::steady_now() - paid);
        return {};
    }

    Connection& connection_;
    const fs::path dir_;
    std::vector<Pair> pairs_;
    std::mutex mutex_;
};

class TradeBench {
public:
    TradeBench(const TradeOptions& options, const Progress& progress) : options_(options), progress_(progress) {}

    Result<Measured> run() {
        table_ = fmt::format("{:>9}{:>8}{:>12}{:>14}{:>11}{:>14}{:>11}{:>12}{:>12}{:>12}\n", "operators", "sellers",
                             "bytes", "upload ms", "MB/s", "fetch ms", "MB/s", "purchase ms", "raw MB/s", "of raw");
        for (const auto operators : options_.operators) FS_TRY(measure_network(operators));
        return Measured{.json = {{"rounds", options_.rounds}, {"trades", std::move(trades_)}},
                        .table = std::move(table_)};
    }

private:
    Status measure_network(std::uint32_t operators) {
        FS_ASSIGN(const auto net, OperatorsNetwork::start(operators, progress_));
        Trades trades(net->connection(), net->dir());
        FS_TRY(trades.join(std::ranges::max(options_.sellers)));
        for (const auto sellers : options_.sellers)
            for (const auto bytes : options_.bytes) FS_TRY(measure(trades, net->raw(), operators, sellers, bytes));
        return {};
    }

    Status measure(Trades& trades, const RawBroker& raw, std::uint32_t operators, std::uint32_t sellers,
                   std::uint64_t bytes) {
        progress_(fmt::format("{} operators, {} at once, {} bytes each", operators, sellers, bytes));
        Figures figures;
        double raw_s = 0;
        for (std::uint32_t n = 0; n < options_.rounds; ++n) {
            FS_TRY(trades.round(sellers, bytes, figures));
            FS_ASSIGN(const auto took, raw.carry(sellers * bytes, mqtt_bridge::client::Writer::kFilePiece));
            raw_s += took;
        }
        const auto mega = static_cast<double>(options_.rounds * sellers * bytes) / 1e6;
        const auto ratio = raw_s / figures.upload_s;
        table_ += fmt::format("{:>9}{:>8}{:>12}{:>14.1f}{:>11.2f}{:>14.1f}{:>11.2f}{:>12.1f}{:>12.2f}{:>12.4f}\n",
                              operators, sellers, bytes, figures.upload.whole().percentile_ms(50),
                              mega / figures.upload_s, figures.fetch.whole().percentile_ms(50), mega / figures.fetch_s,
                              figures.buying.whole().percentile_ms(50), mega / raw_s, ratio);
        trades_.push_back(json::object{{"operators", operators},
                                       {"sellers", sellers},
                                       {"bytes", bytes},
                                       {"upload", figures.upload.to_json()},
                                       {"upload_mb_per_s", mega / figures.upload_s},
                                       {"purchase", figures.buying.whole().to_json()},
                                       {"fetch", figures.fetch.to_json()},
                                       {"buy_and_fetch_mb_per_s", mega / figures.fetch_s},
                                       {"raw_mosquitto_mb_per_s", mega / raw_s},
                                       {"upload_ratio_to_raw", ratio}});
        return {};
    }

    const TradeOptions options_;
    const Progress& progress_;
    json::array trades_;
    std::string table_;
};

}  // namespace

Result<Measured> measure_trade(const TradeOptions& options, const Progress& progress) {
    return TradeBench(options, progress).run();
}

}  // namespace fairstream::benchmarks
