#include "ledger/endorse/simulation.hpp"

#include <algorithm>

#include "ledger/contract/configure.hpp"
#include "ledger/contract/keys.hpp"
#include "ledger/contract/limits.hpp"
#include "ledger/endorse/effects.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::endorse {

using contract::Entry;

namespace {

constexpr std::size_t kSaltBytes = 32;

std::uint64_t guard_us(TimePoint t) {
    const auto count = t.time_since_epoch().count();
    return count < 0 ? 0 : static_cast<std::uint64_t>(count);
}

/// What the contracts of one transaction share.
struct Run {
    const Ground& ground;
    const Invocation& invocation;
    Effects effects;
    std::optional<Error> failure;  // of a step that cannot report it to the contract
};

Result<Bytes> invoke(Run& run, std::string_view contract, std::string_view function, ByteView arguments,
                     contract::Caller caller, std::size_t depth);

/// The Context of one contract within a transaction.
class SimulationContext final : public contract::Context {
public:
    SimulationContext(Run& run, std::string_view contract, contract::Caller caller, std::size_t depth)
        : run_(run), contract_(contract), caller_(std::move(caller)), depth_(depth) {}

    Result<std::optional<Entry>> get(std::string_view key) override {
        FS_TRY(contract::check_key(key));
        FS_ASSIGN(auto entry, run_.effects.get(full(key)));
        if (entry) entry->key = key;
        return entry;
    }

    Status put(std::string_view key, ByteView value) override {
        FS_TRY(contract::check_key(key));
        return run_.effects.set(full(key), to_bytes(value));
    }

    Status del(std::string_view key) override {
        FS_TRY(contract::check_key(key));
        return run_.effects.set(full(key), std::nullopt);
    }

    Result<std::vector<Entry>> range(std::string_view start, std::string_view end, std::uint32_t limit) override {
        if (start.size() > contract::kMaxKeyBytes || end.size() > contract::kMaxKeyBytes)
            return fail("bad_key", "a range begins or ends with a key of more than 256 bytes");
        const std::string last = contract::end_of_keys(contract_);
        const std::string stop = end.empty() ? last : std::min(full(end), last);
        FS_ASSIGN(auto entries, run_.effects.range(full(start), stop, limit));
        for (auto& entry : entries) entry.key.erase(0, contract_.size() + 1);
        return entries;
    }

    Status add(std::string_view key, std::int64_t amount, std::int64_t min, std::int64_t max) override {
        FS_TRY(contract::check_key(key));
        proto::Delta delta;
        delta.set_key(full(key));
        delta.set_amount(amount);
        delta.set_min(min);
        delta.set_max(max);
        return run_.effects.add(full(key), delta);
    }

    Result<std::int64_t> integer(std::string_view key) override {
        FS_ASSIGN(const auto entry, get(key));
        if (!entry) return 0;
        return contract::decode_integer(entry->value);
    }

    void require_after(TimePoint t) override { run_.effects.require_after(guard_us(t)); }
    void require_before(TimePoint t) override { run_.effects.require_before(guard_us(t)); }

    const contract::Caller& caller() const override { return caller_; }
    TimePoint created_at() const override { return base::from_us(run_.invocation.proposal.created_at_us()); }
    const identity::crypto::Hash& transaction_id() const override { return run_.invocation.transaction_id; }
    std::string_view channel() const override { return run_.ground.channel.name(); }
    const std::vector<RosterEntry>& roster() const override { return run_.ground.channel.roster(); }
    std::uint32_t custody_threshold() const override { return run_.ground.channel.config().custody_threshold(); }

    Result<identity::crypto::Hash> block_hash(std::uint64_t height) override {
        FS_ASSIGN(const auto hash, run_.ground.snapshot.block_hash(height));
        if (!hash) return fail("not_decided", "block " + std::to_string(height) + " is not decided yet; try again");
        return *hash;
    }

    void emit(std::string_view name, ByteView payload) override {
        proto::Event event;
        event.set_contract(contract_);
        event.set_name(std::string(name));
        event.set_payload(proto::as_field(payload));
        if (auto emitted = run_.effects.emit(std::move(event)); !emitted && !run_.failure)
            run_.failure = std::move(emitted).error();
    }

    ByteView private_inputs() const override { return run_.invocation.private_inputs; }

    Status private_put(std::string_view key, ByteView value) override {
        FS_TRY(contract::check_key(key));
        if (run_.invocation.salt.size() != kSaltBytes)
            return fail("no_salt", "a private value needs a proposal with private inputs and their salt");
        return run_.effects.put_private(contract::private_key(contract_, key), run_.invocation.salt, value);
    }

    Result<std::optional<Bytes>> private_get(std::string_view key) override {
        FS_TRY(contract::check_key(key));
        const std::string name = contract::private_key(contract_, key);
        if (const auto* own = run_.effects.own_private(name)) return std::optional(to_bytes(as_bytes(own->value())));
        FS_ASSIGN(const auto hash, run_.effects.get(name));
        if (!hash) return std::optional<Bytes>{};
        FS_ASSIGN(const auto entry, run_.ground.private_store.get(name));
        const auto matches = [&] {
            const auto found = state::private_hash(as_bytes(entry->salt()), as_bytes(name), as_bytes(entry->value()));
            return std::equal(found.begin(), found.end(), hash->value.begin(), hash->value.end());
        };
        if (!entry || !matches())
            return fail("private_missing", "this node has no private value for " + contract::printable(name) +
                                               " yet; try again or ask another");
        return std::optional(to_bytes(as_bytes(entry->value())));
    }

    Result<Bytes> call(std::string_view contract, std::string_view function, ByteView arguments) override {
        auto caller = caller_;
        caller.contract = contract_;
        auto mark = run_.effects.mark();
        auto answer = invoke(run_, contract, function, arguments, std::move(caller), depth_ + 1);
        if (!answer) run_.effects.roll_back(std::move(mark));
        return answer;
    }

private:
    std::string full(std::string_view key) const { return contract::full_key(contract_, key); }

    Run& run_;
    const std::string contract_;
    const contract::Caller caller_;
    const std::size_t depth_;
};

Result<Bytes> invoke(Run& run, std::string_view contract, std::string_view function, ByteView arguments,
                     contract::Caller caller, std::size_t depth) {
    if (depth > contract::kMaxCallDepth) return fail("call_too_deep", "contracts call one another more than 8 deep");
    if (contract == contract::kChannelContract) {
        SimulationContext context(run, contract, std::move(caller), depth);
        return contract::configure(run.ground.channel, context, function, arguments);
    }
    const auto& contracts = run.ground.contracts;
    const auto found = std::find_if(contracts.begin(), contracts.end(),
                                    [&](const auto& candidate) { return candidate->name() == contract; });
    if (found == contracts.end())
        return fail("unknown_contract", "no contract " + contract::printable(contract.substr(0, 64)));
    SimulationContext context(run, contract, std::move(caller), depth);
    return (*found)->invoke(context, function, arguments);
}

}  // namespace

Result<Simulation> simulate(const Ground& ground, const Invocation& invocation) {
    Run run{ground, invocation, Effects(ground), std::nullopt};
    const auto& proposal = invocation.proposal;
    FS_ASSIGN(const auto response, invoke(run, proposal.contract(), proposal.function(), as_bytes(proposal.arguments()),
                                          invocation.caller, /*depth=*/1));
    if (run.failure) return fail(std::move(*run.failure));
    if (response.size() > contract::kMaxResponseBytes)
        return fail("too_large", "the response has more than 1048576 bytes");
    auto out = std::move(run.effects).finish();
    out.result.set_transaction_id(proto::as_field(invocation.transaction_id));
    out.result.set_config_epoch(ground.channel.epoch());
    out.result.set_response(proto::as_field(response));
    return out;
}

}  // namespace fairstream::ledger::endorse
