#pragma once

#include <functional>
#include <string>
#include <vector>

#include "chaincode/rules/records.hpp"
#include "chaincode/schema/credits.pb.h"
#include "identity/crypto/keys.hpp"
#include "identity/msp/organisation_ca.hpp"
#include "ledger/endorse/endorser.hpp"
#include "ledger/state/state.hpp"
#include "ledger/validate/validator.hpp"

namespace fairstream::chaincode::tests {

using identity::crypto::Hash;
using identity::crypto::SigningKey;

/// Who signs: an actor (did set) or an organisation's member (certificate set).
struct Who {
    SigningKey key;
    std::string did;
    Bytes certificate;
};
Who new_actor();

/// A channel of four organisations with the real endorsers and the real validator over stores in memory. One thread,
/// its own clock. After every block the money is counted.
class Chain {
public:
    struct Organisation {
        std::string name;
        Who node;
        Who admin;
        Who observer;  // a member in the operator role
        SigningKey custodian;
    };

    explicit Chain(std::size_t organisation_count = 4, std::uint32_t threshold = 3);

    /// Endorses by a majority and commits alone in one block. Errors: the contract's refusal, or the validation code
    /// in lower case.
    Result<Bytes> submit(const Who& who, std::string_view contract, std::string_view function, ByteView arguments,
                         ByteView private_inputs = {});
    Result<Bytes> query(const Who& who, std::string_view contract, std::string_view function, ByteView arguments);

    template <typename Reply, typename Request>
    Result<Reply> submit(const Who& who, std::string_view contract, std::string_view function, const Request& request,
                         ByteView private_inputs = {}) {
        return parse<Reply>(submit(who, contract, function, ledger::proto::encode(request), private_inputs));
    }
    template <typename Reply, typename Request>
    Result<Reply> query(const Who& who, std::string_view contract, std::string_view function, const Request& request) {
        return parse<Reply>(query(who, contract, function, ledger::proto::encode(request)));
    }

    /// In two steps, so that several transactions can meet in one block.
    Result<ledger::proto::Transaction> endorse(const Who& who, std::string_view contract, std::string_view function,
                                               ByteView arguments, ByteView private_inputs = {});
    std::vector<ledger::proto::ValidationCode> commit(const std::vector<ledger::proto::Transaction>& transactions);

    /// As one endorser finds it; nothing is committed.
    Status simulate(const Who& who, std::string_view contract, std::string_view function, ByteView arguments,
                    ByteView private_inputs);

    /// Hears of every call before it is endorsed.
    std::function<void(const Who& who, std::string_view contract, std::string_view function, ByteView arguments,
                       ByteView private_inputs)>
        on_call;

    /// As a config would: it keeps its certificates, but is no member any more.
    void drop_last_organisation();

    void advance(std::chrono::microseconds by) { now_ += by; }
    TimePoint now() const { return now_; }
    std::uint64_t height() const { return state_->height(); }
    Hash block_hash(std::uint64_t height) const;
    const std::string& name() const { return channel_->name(); }
    const ledger::contract::Channel& channel() const { return *channel_; }
    const std::vector<Organisation>& organisations() const { return organisations_; }
    /// Events of the last block, in order.
    const std::vector<ledger::proto::Event>& events() const { return events_; }
    schema::AuditReply audit();

private:
    template <typename Reply>
    static Result<Reply> parse(const Result<Bytes>& answer) {
        if (!answer) return fail(answer.error());
        Reply reply;
        if (!reply.ParseFromArray(answer->data(), static_cast<int>(answer->size())))
            return fail("bad_answer", "the answer does not parse");
        return reply;
    }
    void serve(const Result<std::shared_ptr<const ledger::contract::Channel>>& channel);
    ledger::proto::ProposalRequest propose(const Who& who, std::string_view contract, std::string_view function,
                                           ByteView arguments, ByteView private_inputs,
                                           ledger::proto::Intent intent) const;
    ledger::proto::Block next_block(const std::vector<ledger::proto::Transaction>& transactions);
    void check_conservation();

    TimePoint now_;
    std::vector<Organisation> organisations_;
    std::shared_ptr<const ledger::contract::Channel> channel_;
    std::unique_ptr<ledger::state::StateStore> state_;
    std::unique_ptr<ledger::state::PrivateStore> private_store_;
    std::vector<std::unique_ptr<ledger::endorse::Endorser>> endorsers_;
    std::unique_ptr<ledger::validate::Validator> validator_;
    std::vector<ledger::proto::Event> events_;
    Who auditor_;
};

/// For CHECK(code_of(result) == "..."): the error's code, or "ok".
template <typename T>
std::string code_of(const Result<T>& result) {
    return result ? "ok" : result.error().code;
}

}  // namespace fairstream::chaincode::tests
