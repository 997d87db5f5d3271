#include "identity/msp/certificate.hpp"
#include "ledger/contract/channel.hpp"
#include "ledger/contract/keys.hpp"
#include "ledger/contract/limits.hpp"

namespace fairstream::ledger::contract {

namespace {

constexpr std::size_t kMaxDidBytes = 256;
constexpr std::size_t kNonceBytes = 16;

Status malformed(std::string what) {
    return fail("malformed", std::move(what));
}

Status check_creator(const proto::Creator& creator) {
    switch (creator.who_case()) {
        case proto::Creator::kDid:
            if (creator.did().empty() || creator.did().size() > kMaxDidBytes)
                return malformed("the creator's DID must have 1 to 256 bytes");
            return {};
        case proto::Creator::kCertificate:
            if (creator.certificate().empty() || creator.certificate().size() > identity::msp::kMaxCertificateBytes)
                return malformed("the creator's certificate must have 1 to 8192 bytes");
            return {};
        case proto::Creator::WHO_NOT_SET:
            break;
    }
    return malformed("the proposal names no creator");
}

Status check_proposal(const proto::Proposal& proposal) {
    if (!is_contract_name(proposal.channel())) return malformed("channel: 1 to 64 of a-z 0-9 _ -");
    if (!is_contract_name(proposal.contract())) return malformed("contract: 1 to 64 of a-z 0-9 _ -");
    if (!is_function_name(proposal.function())) return malformed("function: 1 to 64 of A-Z a-z 0-9 _ . -");
    if (proposal.arguments().size() > kMaxArgumentsBytes) return malformed("arguments: at most 524288 bytes");
    FS_TRY(check_creator(proposal.creator()));
    if (proposal.intent() != proto::INTENT_SUBMIT && proposal.intent() != proto::INTENT_QUERY)
        return malformed("intent: neither submit nor query");
    if (proposal.nonce().size() != kNonceBytes) return malformed("nonce: 16 bytes");
    if (proposal.created_at_us() == 0 || proposal.created_at_us() > kMaxTimeUs)
        return malformed("created_at_us: microseconds since 1970, before the year 10000");
    const auto& hash = proposal.private_hash();
    if (!hash.empty() && hash.size() != identity::crypto::Hash{}.size())
        return malformed("private_hash: empty or 32 bytes");
    return {};
}

}  // namespace

Result<proto::Proposal> parse_proposal(ByteView bytes) {
    if (bytes.size() > kMaxProposalBytes)
        return fail("malformed", "a proposal of " + std::to_string(bytes.size()) + " bytes is too large");
    proto::Proposal proposal;
    if (!proposal.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
        return fail("malformed", "the proposal does not parse");
    FS_TRY(check_proposal(proposal));
    return proposal;
}

}  // namespace fairstream::ledger::contract
