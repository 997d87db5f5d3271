/// The replica's step: a script of events for one member of four, read from the input. Messages are well signed or
/// arbitrary bytes; answers come late, never, or for something else; it crashes and starts again with what was made
/// durable. It must neither stop nor vote twice for one place.
#include <map>
#include <optional>

#include "base/assert.hpp"
#include "ledger/order/leaders.hpp"
#include "ledger/order/replica.hpp"
#include "ledger/proto/wire.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/support/ordering/members.hpp"

using namespace fairstream;
using namespace fairstream::tests::ordering;

namespace {

constexpr std::size_t kNodes = 4;
constexpr std::size_t kMaxEvents = 200;

const ledger::contract::Channel& channel() {
    return *members(kNodes).channel;
}

class Script {
public:
    explicit Script(tests::Input input) : input_(input), tip_(genesis_tip(channel())) { restart(); }

    void run() {
        for (std::size_t i = 0; i < kMaxEvents && !input_.empty(); ++i) one();
    }

private:
    void one() {
        switch (input_.byte() % 12) {
            case 0:
                now_ += std::chrono::milliseconds(input_.byte() * 20);
                return step(order::Tick{});
            case 1: {
                const auto what = input_.byte();
                return step(order::WaitingChanged{{(what & 1) != 0, (what & 2) != 0}});
            }
            case 2:
            case 3:
            case 4:
                return hear(vote());
            case 5:
                return hear(with_proofs(true));
            case 6:
                return hear(with_proofs(false));
            case 7: {  // any bytes as a member's signed words
                proto::SignedOrderMessage message;
                message.set_node(node_name(input_.byte() % 5));
                message.set_body(proto::as_field(input_.bytes()));
                message.set_block(proto::as_field(input_.bytes()));
                message.set_signature(proto::as_field(stub_sign(message.node())(as_bytes(message.body()))));
                return hear(message);
            }
            case 8:
                if (to_check_) step(order::BlockChecked{to_check_->height, to_check_->block_hash, verdict()});
                return;
            case 9:
                if (to_build_)
                    step(order::BlockBuilt{
                        to_build_->height, to_build_->round,
                        input_.byte() % 4 == 0 && !to_build_->empty_allowed
                            ? Bytes{}
                            : proto::encode(block_on(channel(), to_build_->parent, to_build_->round, {"own"}, 0))});
                return;
            case 10:
                if (decided_) return apply();
                return catch_up();
            default:
                return restart();
        }
    }

    Status verdict() { return input_.byte() % 4 == 0 ? Status(fail("wrong_block", "says the input")) : Status{}; }

    proto::Block block(std::uint8_t which, std::uint32_t round) const {
        return block_on(channel(), tip_, round,
                        which % 4 == 0 ? std::vector<std::string>{}
                                       : std::vector{std::string(1, static_cast<char>('a' + which % 4))},
                        0);
    }

    proto::SignedOrderMessage vote() {
        const auto node = node_name(input_.byte() % kNodes);
        const auto kind = input_.byte();
        const auto round = static_cast<std::uint32_t>(input_.byte() % 4);
        const auto height = tip_.height + 1 + (kind & 64 ? input_.byte() : 0);
        const auto hash = hash_of(block(input_.byte(), (kind & 32) != 0 ? round : 0));
        return signed_by(channel(), node,
                         kind % 3 == 0   ? prepare_of(height, round, hash)
                         : kind % 3 == 1 ? commit_of(height, round, hash)
                                         : round_change_of(height, round));
    }

    proto::SignedOrderMessage with_proofs(bool propose) {
        const auto round = static_cast<std::uint32_t>(input_.byte() % 4);
        const auto prepared = static_cast<std::uint32_t>(input_.byte() % 4);
        const auto what = block(input_.byte(), input_.byte() % 2 == 0 ? prepared : round);
        const auto changes = input_.byte(), prepares = input_.byte();
        auto body =
            propose ? propose_of(tip_.height + 1, round, hash_of(what)) : round_change_of(tip_.height + 1, round);
        auto change = round_change_of(tip_.height + 1, round);
        for (auto* to : {&change, &body}) {
            if (!to->has_round_change() || prepares == 0) continue;
            to->mutable_round_change()->set_prepared(true);
            to->mutable_round_change()->set_prepared_round(prepared);
            to->mutable_round_change()->set_prepared_block_hash(proto::as_field(hash_of(what)));
        }
        for (std::size_t i = 0; i < kNodes; ++i) {
            const auto bit = 1u << i;
            const auto backing =
                signed_by(channel(), node_name(i), prepare_of(tip_.height + 1, prepared, hash_of(what)));
            if ((prepares & bit) != 0)
                *(propose ? body.mutable_propose()->add_prepares() : body.mutable_round_change()->add_prepares()) =
                    backing;
            if (propose && (changes & bit) != 0)
                *body.mutable_propose()->add_round_changes() =
                    signed_by(channel(), node_name(i),
                              (changes & (bit << 4)) != 0 ? change : round_change_of(tip_.height + 1, round));
        }
        const auto& leader = order::leader(channel(), tip_.absences, tip_.height + 1, round);
        auto message = signed_by(channel(), propose ? leader : node_name(input_.byte() % kNodes), body);
        if (propose || prepares != 0) message.set_block(what.SerializeAsString());
        return message;
    }

    void hear(const proto::SignedOrderMessage& message) {
        auto received = order::verify_message(channel(), message, stub_check);
        if (received) step(order::Message{std::move(*received)});
    }

    void catch_up() {
        const auto what = block(input_.byte(), 0);
        order::CaughtUp fetched{proto::encode(what), {}};
        fetched.certificate.set_height(tip_.height + 1);
        fetched.certificate.set_block_hash(proto::as_field(hash_of(what)));
        const auto by = input_.byte();
        for (std::size_t i = 0; i < kNodes; ++i)
            if ((by & (1u << i)) != 0)
                *fetched.certificate.add_commits() =
                    signed_by(channel(), node_name(i), commit_of(tip_.height + 1, by >> 6, hash_of(what)));
        step(std::move(fetched));
    }

    void apply() {
        tip_ = tip_after(channel(), tip_, *proto::decode<proto::Block>(decided_->block));
        decided_.reset();
        to_build_.reset();
        to_check_.reset();
        step(order::Applied{tip_, {input_.byte() % 2 == 0, false}});
    }

    void restart() {
        decided_.reset();
        to_build_.reset();
        to_check_.reset();
        replica_.emplace(members(kNodes).channel, node_name(0), stub_sign(node_name(0)));
        auto recovered = order::recover(log_);
        FS_ASSERT(recovered.has_value());
        step(order::Start{tip_, std::move(*recovered), {}});
    }

    void step(order::Event event) {
        for (const auto& action : replica_->step(std::move(event), now_)) {
            if (const auto* one = std::get_if<order::Persist>(&action)) log_.push_back(one->record);
            if (const auto* one = std::get_if<order::BuildBlock>(&action)) to_build_ = *one;
            if (const auto* one = std::get_if<order::CheckBlock>(&action)) to_check_ = *one;
            if (const auto* one = std::get_if<order::Decided>(&action)) decided_ = *one;
            if (const auto* one = std::get_if<order::Broadcast>(&action)) {
                const auto at = order::position_of(*proto::decode<proto::OrderMessage>(one->message.body()));
                FS_ASSERT(votes_.try_emplace(at, one->message.body()).first->second == one->message.body());
            }
        }
    }

    tests::Input input_;
    order::Tip tip_;
    order::Monotonic now_{};
    std::optional<order::Replica> replica_;
    std::vector<Bytes> log_;
    std::map<order::Position, std::string> votes_;
    std::optional<order::BuildBlock> to_build_;
    std::optional<order::CheckBlock> to_check_;
    std::optional<order::Decided> decided_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Script(tests::Input(data, size)).run();
    return 0;
}
