#include "ledger/contract/verified.hpp"

#include <chrono>
#include <cstring>
#include <optional>

#include "identity/did/did_key.hpp"

namespace fairstream::ledger::contract {

namespace crypto = identity::crypto;

namespace {

template <typename Halves>
void make_room(Halves& halves, std::size_t bound) {
    if (halves.young.size() < bound) return;
    halves.old = std::move(halves.young);
    halves.young.clear();
}

template <typename Halves, typename Key>
auto find(const Halves& halves, const Key& key) -> std::optional<typename decltype(halves.young)::mapped_type> {
    for (const auto* half : {&halves.young, &halves.old})
        if (const auto found = half->find(key); found != half->end()) return found->second;
    return std::nullopt;
}

Bytes number(std::uint64_t value) {
    Bytes out;
    base::append_u64(out, value);
    return out;
}

}  // namespace

std::size_t Verified::FirstBytes::operator()(const Hash& hash) const {
    std::size_t first = 0;
    std::memcpy(&first, hash.data(), sizeof first);
    return first;
}

bool Verified::signature(std::uint64_t epoch, const crypto::VerifyingKey& key, ByteView message,
                         const crypto::Signature& signature) {
    const auto digest = crypto::sha256(message);
    const auto fact = crypto::sha256_of({key.compressed(), number(epoch), digest, signature});  // each of fixed length
    {
        const std::lock_guard lock(mutex_);
        if (signatures_.young.contains(fact) || signatures_.old.contains(fact)) return true;
    }
    if (!key.verify_digest(digest, signature)) return false;
    const std::lock_guard lock(mutex_);
    make_room(signatures_, bounds_.signatures);
    signatures_.young.insert(fact);
    return true;
}

Result<crypto::VerifyingKey> Verified::key_of(const std::string& did) {
    {
        const std::lock_guard lock(mutex_);
        if (auto known = find(keys_, did)) return *known;
    }
    FS_ASSIGN(const auto key, identity::did::key_from_did(did));
    const std::lock_guard lock(mutex_);
    make_room(keys_, bounds_.keys);
    keys_.young.emplace(did, key);
    return key;
}

Result<identity::msp::MemberIdentity> Verified::member(const Hash& config,
                                                       const identity::msp::TrustedOrganisations& trusted,
                                                       ByteView certificate, base::TimePoint at) {
    // Certificates begin and end on a second, so all moments of one have the same answer.
    const auto second = std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count();
    const auto fact = crypto::sha256_of({config, number(static_cast<std::uint64_t>(second)), certificate});
    {
        const std::lock_guard lock(mutex_);
        if (auto known = find(members_, fact)) return *known;
    }
    FS_ASSIGN(const auto member, trusted.verify(certificate, at));
    const std::lock_guard lock(mutex_);
    make_room(members_, bounds_.keys);
    members_.young.emplace(fact, member);
    return member;
}

}  // namespace fairstream::ledger::contract
