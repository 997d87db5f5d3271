#pragma once

#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "identity/crypto/hash.hpp"
#include "ledger/proto/ledger.pb.h"

namespace fairstream::ledger::proto {

/// Messages to bytes and back, for whoever sends or stores them.
template <typename Message>
Bytes encode(const Message& message) {
    Bytes out(message.ByteSizeLong());
    message.SerializeToArray(out.data(), static_cast<int>(out.size()));
    return out;
}

/// Error: malformed, with the name of the message that was expected.
template <typename Message>
Result<Message> decode(ByteView bytes) {
    Message message;
    if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
        return fail("malformed", "these bytes are not a " + Message::descriptor()->full_name());
    return message;
}
template <typename Message>
Result<Message> decode(const std::string& bytes) {
    return decode<Message>(as_bytes(bytes));
}

/// Fills a `bytes` field.
inline std::string as_field(ByteView bytes) {
    return std::string(as_text(bytes));
}

/// SHA-256 of the proposal's bytes as signed.
inline identity::crypto::Hash transaction_id(const SignedProposal& signed_proposal) {
    return identity::crypto::sha256(as_bytes(signed_proposal.proposal()));
}

/// "read_conflict" for READ_CONFLICT: the error code that a refused transaction fails with.
std::string code_of(ValidationCode code);

/// For messages and logs: the first 16 hex digits say enough.
std::string short_id(ByteView id);

}  // namespace fairstream::ledger::proto
