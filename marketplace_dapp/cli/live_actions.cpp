#include "marketplace_dapp/cli/live_actions.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "marketplace_dapp/cli/acting.hpp"
#include "marketplace_dapp/cli/reading_source.hpp"
#include "marketplace_dapp/cli/render.hpp"
#include "marketplace_dapp/cli/stop_signal.hpp"
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

}  // namespace fairstream::marketplace_dapp::cli
