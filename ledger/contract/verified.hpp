#pragma once

#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "identity/crypto/keys.hpp"
#include "identity/msp/trusted_organisations.hpp"

namespace fairstream::ledger::contract {

/// What this process has found out once by mathematics and need not work out again: that a key signed a digest, which
/// key a did:key is, whose a certificate is at a second. Only such facts: who may do what, and until when, is asked
/// anew each time. Failures are not remembered. Bounded: the older half is forgotten when it is full. Thread-safe.
class Verified {
public:
    struct Bounds {
        std::size_t signatures = 32'768;  // in each half, 32 bytes and some
        std::size_t keys = 2'048;         // parsed, 3 kB each
    };
    Verified() = default;
    explicit Verified(Bounds bounds) : bounds_(bounds) {}

    /// True if `signature` is `key`'s over `message`. `epoch`: of the channel config that the signature is judged
    /// under; what was verified under one says nothing under another.
    bool signature(std::uint64_t epoch, const identity::crypto::VerifyingKey& key, ByteView message,
                   const identity::crypto::Signature& signature);

    /// identity::did::key_from_did.
    Result<identity::crypto::VerifyingKey> key_of(const std::string& did);

    /// TrustedOrganisations::verify, of the organisations in the channel config with the hash `config`.
    Result<identity::msp::MemberIdentity> member(const identity::crypto::Hash& config,
                                                 const identity::msp::TrustedOrganisations& trusted,
                                                 ByteView certificate, base::TimePoint at);

private:
    using Hash = identity::crypto::Hash;
    /// A hash is its own hash.
    struct FirstBytes {
        std::size_t operator()(const Hash& hash) const;
    };
    template <typename Container>
    struct Halves {
        Container young, old;
    };

    const Bounds bounds_{};
    std::mutex mutex_;
    Halves<std::unordered_set<Hash, FirstBytes>> signatures_;
    Halves<std::unordered_map<std::string, identity::crypto::VerifyingKey>> keys_;
    Halves<std::unordered_map<Hash, identity::msp::MemberIdentity, FirstBytes>> members_;
};

}  // namespace fairstream::ledger::contract
