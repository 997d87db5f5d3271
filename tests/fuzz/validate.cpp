/// What a node is sent of transactions and blocks. The first byte says which part is the input's own: a whole block, a
/// transaction, what endorsers found (endorsed well), a proposal (signed well), a request to endorse, a certificate.
#include "tests/fuzz/input.hpp"
#include "tests/support/consortium.hpp"

using namespace fairstream;
using namespace fairstream::tests;

namespace {

Consortium& market() {
    static Consortium one(
        {.organisations = 1},
        {std::make_shared<LambdaContract>("any", std::map<std::string, LambdaContract::Function, std::less<>>{
                                                     {"Set", [](auto& context, ByteView bytes) -> Result<Bytes> {
                                                          FS_TRY(context.put("key", bytes));
                                                          return to_bytes(bytes);
                                                      }}})});
    return one;
}

const Actor& actor() {
    static const Actor one;
    return one;
}

void validate(const std::string& transaction) {
    auto& now = market();
    const auto block = now.block_of({transaction});
    if (!ledger::validate::check_block(now.channel(), now.parent(), block)) return;
    const auto done = ledger::validate::Validator(now.shared_channel()).validate(*now.state().snapshot(), block);
    if (!done || done->outcomes.size() != 1) __builtin_trap();
}

void a_block(ByteView bytes) {
    const auto block = proto::decode<proto::Block>(bytes);
    if (!block || !ledger::validate::check_block(market().channel(), market().parent(), *block)) return;
    static_cast<void>(
        ledger::validate::Validator(market().shared_channel()).validate(*market().state().snapshot(), *block));
}

void a_result(ByteView bytes) {
    const auto result = proto::decode<proto::ProposalResult>(bytes);
    if (!result) return;
    auto transaction = value_of(market().endorse(actor(), "any", "Set", as_bytes(std::string("value"))));
    market().endorse_as(transaction, *result, 1);
    validate(transaction.SerializeAsString());
}

void a_proposal(ByteView bytes) {
    auto proposal = proto::decode<proto::Proposal>(bytes);
    if (!proposal) return;
    proposal->set_channel(market().channel().name());
    proposal->set_created_at_us(base::to_us(market().now));
    if (!proposal->creator().has_certificate()) proposal->mutable_creator()->set_did(actor().did);
    proto::ProposalRequest request;
    *request.mutable_signed_proposal() = market().sign(actor(), *proposal);
    if (const auto endorsed = market().endorse(request)) validate(endorsed->SerializeAsString());
    proto::Transaction bare;
    *bare.mutable_signed_proposal() = request.signed_proposal();
    market().endorse_as(bare, {}, 1);
    validate(bare.SerializeAsString());
}

void a_request(ByteView bytes) {
    if (const auto request = proto::decode<proto::ProposalRequest>(bytes))
        static_cast<void>(market().endorse(*request));
}

void a_certificate(ByteView bytes) {
    if (const auto certificate = proto::decode<proto::CommitCertificate>(bytes))
        if (ledger::validate::check_certificate(market().channel(), *certificate, 1, {})) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(data, size);
    switch (input.byte() % 6) {
        case 0:
            a_block(input.rest());
            break;
        case 1:
            validate(std::string(as_text(input.rest())));
            break;
        case 2:
            a_result(input.rest());
            break;
        case 3:
            a_proposal(input.rest());
            break;
        case 4:
            a_request(input.rest());
            break;
        default:
            a_certificate(input.rest());
    }
    return 0;
}
