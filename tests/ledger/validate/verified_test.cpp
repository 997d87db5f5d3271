#include "ledger/contract/verified.hpp"

#include <catch2/catch.hpp>

#include "identity/did/did_key.hpp"
#include "tests/support/consortium.hpp"

using namespace fairstream;
using namespace std::chrono_literals;
using identity::crypto::SigningKey;
using ledger::contract::Verified;

namespace {

/// Runs `job`; how many signatures were worked out in it.
template <typename Job>
std::uint64_t verified_in(Job job) {
    const auto before = identity::crypto::verifications();
    job();
    return identity::crypto::verifications() - before;
}

}  // namespace

TEST_CASE("a signature is worked out once, and only for the very key, message and epoch") {
    Verified verified;
    const auto key = SigningKey::generate();
    const auto other = SigningKey::generate();
    const auto message = to_bytes(std::string_view("pay alice"));
    const auto forged = to_bytes(std::string_view("pay mallory"));
    const auto signature = key.sign(message);
    CHECK(verified_in([&] { CHECK(verified.signature(1, key.public_key(), message, signature)); }) == 1);
    CHECK(verified_in([&] { CHECK(verified.signature(1, key.public_key(), message, signature)); }) == 0);

    // What is remembered for one digest never passes another.
    CHECK_FALSE(verified.signature(1, key.public_key(), forged, signature));
    CHECK_FALSE(verified.signature(1, other.public_key(), message, signature));
    auto bent = signature;
    bent[63] ^= 1;
    CHECK_FALSE(verified.signature(1, key.public_key(), message, bent));
    // Under another epoch the same fact is found out anew.
    CHECK(verified_in([&] { CHECK(verified.signature(2, key.public_key(), message, signature)); }) == 1);
}

TEST_CASE("a bad signature is remembered neither as good nor as bad") {
    Verified verified;
    const auto key = SigningKey::generate();
    const auto message = to_bytes(std::string_view("pay alice"));
    auto bad = key.sign(message);
    bad[0] ^= 1;
    for (int i = 0; i < 2; ++i)
        CHECK(verified_in([&] { CHECK_FALSE(verified.signature(1, key.public_key(), message, bad)); }) == 1);
    CHECK(verified.signature(1, key.public_key(), message, key.sign(message)));
}

TEST_CASE("the memory of signatures and keys is bounded, and what it forgot is worked out again") {
    Verified verified({.signatures = 4, .keys = 4});
    const auto key = SigningKey::generate();
    const auto message = [](int i) { return to_bytes(std::to_string(i)); };
    const auto first = key.sign(message(0));
    CHECK(verified.signature(1, key.public_key(), message(0), first));
    for (int i = 1; i <= 8; ++i) CHECK(verified.signature(1, key.public_key(), message(i), key.sign(message(i))));
    CHECK(verified_in([&] { CHECK(verified.signature(1, key.public_key(), message(0), first)); }) == 1);

    for (int i = 0; i < 20; ++i) {
        const auto actor = SigningKey::generate().public_key();
        const auto did = identity::did::did_from_key(actor);
        for (int again = 0; again < 2; ++again) {
            const auto found = verified.key_of(did);
            REQUIRE(found);
            CHECK(*found == actor);
        }
    }
    CHECK(verified.key_of("did:key:zDnnonsense").error().code == "bad_did");
}

TEST_CASE("a remembered certificate still ends in its second") {
    Verified verified;
    const auto now = base::wall_now();
    auto ca = identity::msp::OrganisationCa::create("org1", {now - 1h, now + 24h});
    REQUIRE(ca);
    const auto key = SigningKey::generate();
    const auto certificate = ca->issue({.role = identity::msp::Role::kOperator,
                                        .name = "clerk",
                                        .key = key.public_key(),
                                        .dns_names = {},
                                        .ip_names = {},
                                        .validity = {now - 1h, now + 10s}});
    REQUIRE(certificate);
    identity::msp::TrustedOrganisations trusted;
    REQUIRE(trusted.add("org1", ca->certificate_der()));
    const identity::crypto::Hash config{1};
    for (int again = 0; again < 2; ++again) {
        CHECK(verified.member(config, trusted, certificate->der, now)->name == "clerk");
        CHECK(verified.member(config, trusted, certificate->der, now + 12s).error().code == "expired");
    }
    // Another config may trust others.
    const identity::msp::TrustedOrganisations nobody;
    CHECK(verified.member(identity::crypto::Hash{2}, nobody, certificate->der, now).error().code ==
          "unknown_organisation");
}
