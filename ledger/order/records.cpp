#include "ledger/order/records.hpp"

#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::order {

namespace {

enum class Kind : std::uint8_t { kVote = 1, kBlock = 2, kPrepared = 3 };
constexpr std::size_t kHeadBytes = 1 + 8 + 4 + 1;

struct Head {
    Kind kind;
    Position at;
};

Bytes make(Kind kind, const Position& at, ByteView contents) {
    Bytes record{static_cast<std::uint8_t>(kind)};
    record.reserve(kHeadBytes + contents.size());
    base::append_u64(record, at.height);
    base::append_u32(record, at.round);
    record.push_back(static_cast<std::uint8_t>(at.step));
    append(record, contents);
    return record;
}

tl::unexpected<Error> damaged(std::string what) {
    return fail("damaged", std::move(what));
}

Result<Head> read_head(ByteView record) {
    if (record.size() < kHeadBytes) return damaged("a record of " + std::to_string(record.size()) + " bytes");
    const auto kind = record[0];
    const auto step = record[kHeadBytes - 1];
    if (kind < 1 || kind > 3 || step > static_cast<std::uint8_t>(Step::kCommit)) return damaged("an unknown record");
    return Head{static_cast<Kind>(kind),
                {base::read_u64(record.subspan(1)), base::read_u32(record.subspan(9)), static_cast<Step>(step)}};
}

Status take_vote(Recovered& recovered, const Position& at, ByteView contents) {
    FS_ASSIGN(auto vote, proto::decode<proto::SignedOrderMessage>(contents));
    FS_ASSIGN(const auto body, proto::decode<proto::OrderMessage>(vote.body()));
    if (position_of(body) != at) return damaged("a vote that is not of " + to_text(at));
    if (at <= recovered.last)
        return damaged("the vote of " + to_text(at) + " after that of " + to_text(recovered.last));
    recovered.last = at;
    recovered.votes.push_back(std::move(vote));
    return {};
}

Status take_prepared(Recovered& recovered, ByteView contents) {
    FS_ASSIGN(const auto certificate, proto::decode<proto::RoundChange>(contents));
    Prepared prepared;
    prepared.round = certificate.prepared_round();
    FS_ASSIGN(prepared.block_hash, identity::crypto::to_hash(as_bytes(certificate.prepared_block_hash())));
    prepared.prepares.assign(certificate.prepares().begin(), certificate.prepares().end());
    if (!recovered.blocks.contains(prepared.block_hash)) return damaged("a prepared certificate without its block");
    recovered.prepared = std::move(prepared);
    return {};
}

Status take(Recovered& recovered, const Head& head, ByteView contents) {
    switch (head.kind) {
        case Kind::kVote:
            return take_vote(recovered, head.at, contents);
        case Kind::kBlock: {
            FS_ASSIGN(const auto hash, hash_of(contents));
            recovered.blocks[hash] = to_bytes(contents);
            return {};
        }
        case Kind::kPrepared:
            return take_prepared(recovered, contents);
    }
    return damaged("an unknown record");
}

}  // namespace

Bytes vote_record(const Position& at, const proto::SignedOrderMessage& vote) {
    proto::SignedOrderMessage bare;
    bare.set_node(vote.node());
    bare.set_body(vote.body());
    bare.set_signature(vote.signature());
    return make(Kind::kVote, at, proto::encode(bare));
}

Bytes block_record(const Position& at, ByteView block) {
    return make(Kind::kBlock, at, block);
}

Bytes prepared_record(const Position& at, const Prepared& prepared) {
    proto::RoundChange certificate;
    certificate.set_prepared_round(prepared.round);
    certificate.set_prepared_block_hash(proto::as_field(prepared.block_hash));
    for (const auto& prepare : prepared.prepares) *certificate.add_prepares() = prepare;
    return make(Kind::kPrepared, at, proto::encode(certificate));
}

Result<std::optional<Position>> vote_position(ByteView record) {
    FS_ASSIGN(const auto head, read_head(record));
    return head.kind == Kind::kVote ? std::optional(head.at) : std::nullopt;
}

Result<Recovered> recover(std::span<const Bytes> records) {
    Recovered recovered;
    std::uint64_t height = 0;
    for (const auto& record : records) {
        FS_ASSIGN(const auto head, read_head(record));
        if (head.at.height < height) return damaged("height " + std::to_string(head.at.height) + " after a later one");
        if (head.at.height > height) {
            const Position last = recovered.last;
            recovered = Recovered{};
            recovered.last = last;
            height = head.at.height;
        }
        if (auto taken = take(recovered, head, ByteView(record).subspan(kHeadBytes)); !taken)
            return damaged(taken.error().message);
    }
    return recovered;
}

}  // namespace fairstream::ledger::order
