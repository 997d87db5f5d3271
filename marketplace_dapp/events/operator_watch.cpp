#include "marketplace_dapp/events/operator_watch.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "marketplace_dapp/events/operator_report.hpp"

namespace fairstream::marketplace_dapp::events {

namespace json = boost::json;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMaxReportBytes = 32u << 10;
constexpr int kMaxPages = 1'000;  // of one operator in one round
constexpr auto kTimeout = 5s;

}  // namespace

OperatorWatch::OperatorWatch(std::string connection, Options options, base::Metrics& metrics)
    : database_(std::move(connection)),
      options_(std::move(options)),
      metrics_(metrics),
      http_(options_.trusted_roots),
      thread_([this] { run(); }) {}

OperatorWatch::~OperatorWatch() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

bool OperatorWatch::stopping() {
    const std::lock_guard lock(mutex_);
    return stopping_;
}

void OperatorWatch::run() {
    while (!stopping()) {
        // Without PostgreSQL, or a read model, there is nothing to do: the event engine says so.
        if (const auto done = round(); !done) base::log_debug("no reports for now: {}", done.error().message);
        std::unique_lock lock(mutex_);
        wake_.wait_for(lock, options_.every, [this] { return stopping_; });
    }
}

Status OperatorWatch::round() {
    FS_ASSIGN(const auto rows,
              database_.query("SELECT name, did, https_url FROM market.operators WHERE active ORDER BY name"));
    for (const auto& row : rows) {
        if (stopping()) return {};
        const Listed storage{.name = row[0].value_or(""), .did = row[1].value_or(""), .url = row[2].value_or("")};
        const auto asked = ask(storage);
        if (asked) continue;
        if (asked.error().code == "database_unavailable") return asked;
        metrics_.count("fairstream_operator_reports_failed_total", 1,
                       {{"operator", storage.name}, {"code", asked.error().code}});
        base::log_debug("no report of operator {}: {}", storage.name, asked.error().message);
    }
    return {};
}

Status OperatorWatch::ask(const Listed& storage) {
    std::string after;
    for (int page = 0; page < kMaxPages && !stopping(); ++page) {
        const auto url = storage.url + "/v1/report" + (after.empty() ? "" : "?after=" + after);
        FS_ASSIGN(const auto answer, http_.request("GET", url, {}, {}, kTimeout, kMaxReportBytes));
        if (answer.status != 200) return fail("refused", "answered " + std::to_string(answer.status));
        FS_ASSIGN(const auto report,
                  read_report(answer.body, {.name = storage.name, .did = storage.did, .network = options_.network},
                              base::wall_now()));
        json::array marks;  // of streams that are on the ledger: an operator cannot fill the table with others
        for (const auto& mark : report.marks)
            marks.push_back({{"operator", storage.name},
                             {"stream", mark.stream},
                             {"through", mark.through},
                             {"head", mark.head},
                             {"said_at_us", report.said_at_us}});
        FS_TRY(
            database_.query("INSERT INTO dapp.operator_marks AS m SELECT n.* FROM json_populate_recordset("
                            "NULL::dapp.operator_marks, $1::json) n WHERE n.stream IN (SELECT stream_hash FROM "
                            "market.offers) ON CONFLICT (stream, operator) DO UPDATE SET "
                            "through = excluded.through, head = excluded.head, said_at_us = excluded.said_at_us "
                            "WHERE m.said_at_us <= excluded.said_at_us",
                            {json::serialize(marks)}));
        metrics_.count("fairstream_operator_reports_total", 1, {{"operator", storage.name}});
        after = report.next;
        if (after.empty()) break;
    }
    return {};
}

}  // namespace fairstream::marketplace_dapp::events
