#include "marketplace_dapp/cli/live_actions.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "marketplace_dapp/cli/acting.hpp"
#include "marketplace_dapp/cli/reading_sinks.hpp"
#include "marketplace_dapp/cli/reading_source.hpp"
#include "marketplace_dapp/cli/render.hpp"
#include "marketplace_dapp/cli/stop_signal.hpp"
#include "marketplace_dapp/client/buyer.hpp"
#include "marketplace_dapp/client/seller.hpp"

namespace fairstream::marketplace_dapp::cli {

using namespace std::chrono_literals;

namespace {

constexpr auto kPump = 10ms;

std::unique_ptr<ReadingSource> source_of(const StreamOptions& options) {
    if (options.command.empty()) return std::make_unique<LineSource>(STDIN_FILENO);
    return std::make_unique<CommandSource>(options.command, options.every);
}

std::string to_line(const client::StreamStatus& status) {
    const auto trouble = status.trouble.empty() ? std::string() : "; trying again: " + status.trouble;
    return fmt::format("{} readings, stored up to {} by way of {}, key epoch {}, {} batches recorded{}",
                       status.readings, status.stored_through, status.operator_name, status.key_epoch, status.batches,
                       trouble);
}

/// Until the source ends, or the user asks to.
Status feed(client::Streamer& streamer, ReadingSource& source, const StopSignal& stop) {
    while (!stop.asked() && !source.ended()) {
        FS_ASSIGN(const auto readings, source.take());
        for (const auto& reading : readings) FS_TRY(streamer.write(as_bytes(reading)));
        FS_TRY(streamer.pump(readings.empty() ? kPump : 0ms));
    }
    return {};
}

std::string to_line(const client::SubscriptionStatus& status) {
    const auto waiting = status.waiting_for.empty() ? std::string() : "; waiting for " + status.waiting_for;
    return fmt::format("{} readings by way of {}, key epoch {}, {} batches checked{}", status.readings,
                       status.operator_name, status.key_epoch, status.batches_checked, waiting);
}

boost::json::object read_json(const client::Subscribed& read) {
    auto json = to_json(read.purchase);
    json["readings"] = read.status.readings;
    json["next_sequence"] = read.status.next_sequence;
    json["batches_checked"] = read.status.batches_checked;
    json["over"] = read.over;
    json["faults"] = to_json(read.faults);
    return json;
}

std::string read_text(const client::Subscribed& read, const std::string& as) {
    const auto& purchase = read.purchase;
    std::string text =
        fmt::format("purchase {}: {} readings in this run; {} of {} credits are paid", purchase.id(),
                    read.status.readings, credits(purchase.paid_micro()), credits(purchase.agreement().price_micro()));
    if (purchase.returned_micro() > 0) text += fmt::format(", {} came back", credits(purchase.returned_micro()));
    text += fmt::format("; {} batches checked against the ledger\n", read.status.batches_checked);
    for (const auto& fault : read.faults) text += "  operator fault: " + fault + "\n";
    if (!read.over)
        text += fmt::format("  it goes on where it stopped with: fairstream subscribe {} --as {}\n", purchase.id(), as);
    else if (purchase.state() != chaincode::schema::SETTLED)
        text +=
            "  the time that was paid for is over; what is left in escrow is paid, or returns, once the seller has\n"
            "  recorded its last batch: run this again then\n";
    if (read.over && purchase.renewed_by().empty())
        text += fmt::format("  the time that was paid for is over; to go on: fairstream renew {} --as {}\n",
                            purchase.id(), as);
    return text;
}

Answer summary(const std::vector<client::Subscribed>& all, const std::string& as) {
    Answer answer;
    boost::json::array purchases;
    std::uint64_t readings = 0;
    std::int64_t paid = 0;
    for (const auto& read : all) {
        purchases.push_back(read_json(read));
        answer.text += read_text(read, as);
        readings += read.status.readings;
        paid += read.purchase.paid_micro();
    }
    answer.json = {{"event", "ended"},
                   {"readings", readings},
                   {"paid_micro", paid},
                   {"over", !all.empty() && all.back().over},
                   {"purchases", std::move(purchases)}};
    return answer;
}

Answer summary(const StreamOptions& options, const client::Streamed& done, const ReadingSource& source) {
    Answer answer;
    answer.json = {{"event", "ended"},
                   {"offer", options.offer},
                   {"stream", done.stream_id},
                   {"readings", done.status.readings},
                   {"left_out", source.left_out()},
                   {"last_sequence", done.status.stored_through},
                   {"batches", done.status.batches},
                   {"resumed", done.resumed}};
    answer.text = fmt::format("{} readings of offer {} are stored, and recorded as {} batches (up to number {})\n",
                              done.status.readings, options.offer, done.status.batches, done.status.stored_through);
    if (source.left_out() > 0)
        answer.text += fmt::format("{} readings were left out; the last one: {}\n", source.left_out(), source.why());
    return answer;
}

}  // namespace

Result<Answer> stream(Session& session, const StreamOptions& options) {
    if (options.command.empty() != (options.every == 0ms))
        return fail("bad_options", "--every says how often the command after -- runs: give both, or neither");
    FS_ASSIGN(auto seller, actor<client::Seller>(session));
    const auto show = session.progress();
    const StopSignal stop;
    FS_ASSIGN(const auto streamer, seller.stream({.offer = options.offer,
                                                  .state = session.state(),
                                                  .key_epoch = options.key_epoch,
                                                  .on_status = [&](const client::StreamStatus& status) {
                                                      if (show) show({.step = to_line(status), .done = 0, .total = 0});
                                                  }}));
    FS_TRY(tell(session, {{"event", "streaming"}, {"offer", options.offer}}));
    const auto source = source_of(options);
    FS_TRY(feed(*streamer, *source, stop));
    FS_ASSIGN(const auto done, streamer->finish());
    return summary(options, done, *source);
}

Result<Answer> subscribe(Session& session, const SubscribeOptions& options) {
    FS_ASSIGN(auto buyer, actor<client::Buyer>(session));
    std::unique_ptr<client::ReadingSink> sink;
    if (options.output.empty()) {
        sink = output_sink(session.json);
    } else {
        FS_ASSIGN(sink, file_sink(options.output, session.json));
    }
    const auto show = session.progress();
    const StopSignal stop;
    std::string serving, waiting;
    const auto on_status = [&](const client::SubscriptionStatus& status) {
        if (show) show({.step = to_line(status), .done = 0, .total = 0});
        if (status.operator_name != serving)
            (void)tell(session, {{"event", "reading_from"}, {"operator", status.operator_name}});
        if (status.waiting_for != waiting && !status.waiting_for.empty())
            (void)tell(session, {{"event", "waiting"}, {"for", status.waiting_for}});
        serving = status.operator_name;
        waiting = status.waiting_for;
    };
    FS_ASSIGN(const auto read, buyer.subscribe(options.purchase,
                                               {.state = session.state(),
                                                .sink = sink.get(),
                                                .stop = [&stop] { return stop.asked(); },
                                                .on_status = on_status,
                                                .operator_timeout = options.operator_timeout},
                                               options.renew_windows));
    auto answer = summary(read, session.as);
    answer.aside = options.output.empty();
    return answer;
}

Result<Answer> renew(Session& session, const std::string& purchase, std::uint32_t windows) {
    FS_ASSIGN(auto buyer, actor<client::Buyer>(session));
    FS_ASSIGN(const auto former, buyer.purchase(purchase));
    FS_ASSIGN(const auto renewal, buyer.renew(former, windows));
    return Answer{.json = to_json(renewal), .text = to_text(renewal)};
}

}  // namespace fairstream::marketplace_dapp::cli
