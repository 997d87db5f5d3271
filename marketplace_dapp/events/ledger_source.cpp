#include "marketplace_dapp/events/ledger_source.hpp"

#include <limits>

#include "base/log.hpp"

namespace fairstream::marketplace_dapp::events {

namespace proto = ledger::proto;

namespace {

constexpr std::size_t kMaxKept = 100'000;

proto::Checkpoint end_of(std::uint64_t height) {
    proto::Checkpoint at;
    at.set_block(height);
    at.set_transaction(std::numeric_limits<std::uint32_t>::max());
    at.set_event(std::numeric_limits<std::uint32_t>::max());
    return at;
}

}  // namespace

LedgerSource::~LedgerSource() {
    unsubscribe();
}

void LedgerSource::follow(std::uint64_t height) {
    next_ = height + 1;
    subscribe(height);
}

void LedgerSource::subscribe(std::uint64_t after) {
    unsubscribe();
    {
        const std::lock_guard lock(mutex_);
        valid_.clear();
        kept_ = 0;
        through_ = after;
        overflowed_ = false;
    }
    subscription_ =
        client_.subscribe(end_of(after), {}, /*sealed=*/true, [this](const proto::EventBatch& b) { received(b); });
}

void LedgerSource::unsubscribe() {
    if (subscription_) client_.unsubscribe(*subscription_);
    subscription_.reset();
}

void LedgerSource::received(const proto::EventBatch& batch) {
    const std::lock_guard lock(mutex_);
    sealed_ = std::max(sealed_, batch.height());
    overflowed_ = overflowed_ || kept_ > kMaxKept;
    if (overflowed_ || batch.height() <= through_) return;
    for (const auto& event : batch.events())
        if (valid_[event.at().block()].insert(event.at().transaction()).second) ++kept_;
    through_ = batch.height();
    arrived_.notify_all();
}

Result<std::optional<SealedBlock>> LedgerSource::next(std::chrono::milliseconds wait) {
    std::set<std::uint32_t> valid;
    bool resubscribe = false;
    {
        std::unique_lock lock(mutex_);
        resubscribe = overflowed_ && through_ < next_;
        if (!resubscribe) {
            arrived_.wait_for(lock, wait, [this] { return stopped_ || through_ >= next_; });
            if (stopped_ || through_ < next_) return std::nullopt;
            if (const auto found = valid_.find(next_); found != valid_.end()) valid = found->second;
        }
    }
    if (resubscribe) {
        subscribe(next_ - 1);
        return std::nullopt;
    }
    FS_ASSIGN(auto block, fetch(next_, valid));
    const std::lock_guard lock(mutex_);
    kept_ -= valid.size();
    valid_.erase(next_);
    ++next_;
    return block;
}

Result<SealedBlock> LedgerSource::fetch(std::uint64_t height, const std::set<std::uint32_t>& valid) {
    FS_ASSIGN(const auto decided, client_.block(height));
    SealedBlock out;
    out.height = height;
    FS_ASSIGN(out.block, proto::decode<proto::Block>(decided.block()));
    for (int i = 0; i < out.block.transactions_size(); ++i) {
        const auto index = static_cast<std::uint32_t>(i);
        if (valid.contains(index)) {
            out.fates.push_back({.code = "valid", .reason = {}});
            continue;
        }
        FS_ASSIGN(auto found, fate(height, index, out.block.transactions(i)));
        out.fates.push_back(std::move(found));
    }
    return out;
}

/// Of a transaction that told of nothing. The ledger keeps an outcome for every id that was used up; another one's
/// outcome under this id, and none, say the same of this transaction, whenever they are asked for.
Result<TransactionFate> LedgerSource::fate(std::uint64_t height, std::uint32_t index, const std::string& transaction) {
    const TransactionFate refused{.code = "refused", .reason = "malformed, late, unsigned, not endorsed, or repeated"};
    const auto decoded = proto::decode<proto::Transaction>(transaction);
    if (!decoded) return refused;
    auto reply = client_.transaction(proto::transaction_id(decoded->signed_proposal()));
    if (!reply && reply.error().code == "not_found") return refused;
    if (!reply) return fail(reply.error());
    if (reply->block() != height || reply->index() != index) return refused;
    return TransactionFate{.code = proto::code_of(reply->outcome().code()), .reason = reply->outcome().reason()};
}

std::uint64_t LedgerSource::sealed_height() const {
    const std::lock_guard lock(mutex_);
    return sealed_;
}

void LedgerSource::stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    arrived_.notify_all();
}

}  // namespace fairstream::marketplace_dapp::events
