#include "ledger/node/snapshotter.hpp"

#include <algorithm>

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "base/log.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::node {

using namespace std::chrono_literals;

namespace {

/// A statement that is not on the ledger by then was lost on its way, or refused by who lags.
constexpr auto kStateAgain = 5s;
constexpr std::size_t kMaxOpen = 8;

}  // namespace

Snapshotter::Snapshotter(Parts parts, Hooks hooks)
    : parts_(std::move(parts)), hooks_(std::move(hooks)), scope_(parts_.loop) {}

void Snapshotter::start() {
    for (const auto& kept : parts_.chain.snapshots().all())
        if (kept.height > 0) open_[kept.height] = {kept.name};
    look();
}

void Snapshotter::close() {
    closing_ = true;
    scope_.close();
}

void Snapshotter::applied(const AppliedBlock& applied) {
    if (applied.rows) take(applied.rows, applied.header);
    if (!open_.empty()) look();
}

void Snapshotter::take(std::shared_ptr<const state::Rows> rows, std::string header) {
    const auto height = rows->height();
    const bool posted = thread_.post([this, rows = std::move(rows), header = std::move(header)]() mutable {
        const auto began = base::steady_now();
        auto made = parts_.chain.snapshots().write(*rows, parts_.channels.genesis()->name(), header, &closing_);
        rows.reset();  // the view holds on to what later blocks replaced
        const auto seconds = std::chrono::duration<double>(base::steady_now() - began).count();
        scope_.post([this, seconds, result = std::move(made)] {
            if (!result) return base::log_error("cannot write a snapshot: {}", result.error().message);
            base::log_info("snapshot of height {} is written: {} in {:.1f} s", result->height,
                           base::to_hex(result->name), seconds);
            parts_.metrics.observe("ledger_snapshot_seconds", seconds);
            open_[result->height] = {result->name};
            while (open_.size() > kMaxOpen) open_.erase(open_.begin());
            look();
        });
    });
    if (!posted) base::log_warn("the snapshot of height {} is left out: the one before is still being written", height);
}

void Snapshotter::look() {
    const auto state = parts_.chain.state().snapshot();
    std::vector<std::pair<std::uint64_t, std::vector<snapshot::Statement>>> found;
    for (const auto& [height, open] : open_) {
        if (height > state->height()) continue;
        auto statements = snapshot::statements(*state, height);
        if (!statements) return hooks_.failed(statements.error());
        found.emplace_back(height, std::move(*statements));
    }
    for (const auto& [height, statements] : found)
        if (const auto open = open_.find(height); open != open_.end()) judge(height, open->second, statements);
}

void Snapshotter::judge(std::uint64_t height, Open& open, const std::vector<snapshot::Statement>& statements) {
    const auto hash = snapshot::agreed_on(statements, *parts_.channels.newest());
    if (hash && *hash != open.name)
        return hooks_.failed(
            {"diverged", "a majority of organisations states another hash for the snapshot of height " +
                             std::to_string(height) + " (" + base::to_hex(*hash) + ") than this node's " +
                             base::to_hex(open.name) +
                             ": its state cannot be trusted; rejoin with an empty data folder"});
    if (hash) return agreed(height);
    const bool stated =
        std::ranges::find(statements, parts_.organisation, &snapshot::Statement::organisation) != statements.end();
    const bool newest = std::prev(open_.end())->first == height;
    const auto now = base::steady_now();
    if (stated || !newest || (open.stated_at != 0us && now - open.stated_at < kStateAgain)) return;
    open.stated_at = now;
    proto::SnapshotStatement statement;
    statement.set_height(height);
    statement.set_hash(proto::as_field(open.name));
    hooks_.state(statement);
    scope_.after(kStateAgain, [this] { look(); });
}

void Snapshotter::agreed(std::uint64_t height) {
    base::log_info("the snapshot of height {} is agreed on", height);
    parts_.metrics.gauge("ledger_snapshot_height", static_cast<double>(height));
    open_.erase(open_.begin(), open_.upper_bound(height));
    const bool posted = parts_.writer.post([this, height] {
        auto& chain = parts_.chain;
        const auto clean = [&]() -> Result<std::uint64_t> {
            FS_TRY(chain.snapshots().retain(std::max<std::size_t>(parts_.retain_snapshots, 1), height));
            if (parts_.retain_blocks == 0) return std::uint64_t{0};
            const auto tip = chain.tip().height;
            const auto oldest = chain.snapshots().all().front().height;
            if (tip <= parts_.retain_blocks) return std::uint64_t{0};
            return chain.blocks().prune(std::min({oldest, height, tip - parts_.retain_blocks}) + 1);
        };
        auto pruned = clean();
        if (!pruned) return base::log_error("cannot remove what is no longer needed: {}", pruned.error().message);
        if (*pruned > 0)
            base::log_info("pruned {} blocks; the oldest kept is {}", *pruned, chain.blocks().base().height + 1);
        parts_.metrics.gauge("ledger_oldest_block", static_cast<double>(chain.blocks().base().height + 1));
    });
    if (!posted) base::log_warn("older snapshots stay for now: the writing thread is busy");
}

}  // namespace fairstream::ledger::node
