// What Fairstream makes, as JSON for tests/outside/*.test.mjs to check with libraries that share no code with it:
//   fs_outside_fixtures make    prints fixtures on standard output
//   fs_outside_fixtures check   reads what those libraries made from standard input and prints our verdicts
#include <boost/json.hpp>
#include <iostream>
#include <iterator>

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "identity/credential/presentation.hpp"
#include "identity/crypto/custody.hpp"
#include "identity/crypto/frame.hpp"
#include "identity/crypto/merkle.hpp"
#include "identity/did/did_key.hpp"
#include "identity/jose/jwk.hpp"
#include "identity/jose/jwt.hpp"
#include "identity/jose/proof.hpp"

namespace json = boost::json;
using namespace fairstream;
using namespace fairstream::identity;
using base::to_hex;

namespace {

const jose::ProofRequest kRequest = {"POST", "https://operator1.example/v1/sessions", "nonce-1", "grant-7",
                                     "header.payload.signature"};

json::object signature_fixture() {
    const auto key = crypto::SigningKey::generate();
    const Bytes message = crypto::random_bytes(100);
    return {{"public", to_hex(key.public_key().compressed())},
            {"message", to_hex(message)},
            {"signature", to_hex(key.sign(message))}};
}

json::object tokens_fixture(TimePoint now) {
    const auto key = crypto::SigningKey::generate();
    const auto did = did::did_from_key(key.public_key());
    return {{"jwk", jose::jwk_from_key(key.public_key())},
            {"thumbprint", jose::thumbprint(key.public_key())},
            {"did", did},
            {"document", did::document(did, key.public_key())},
            {"jwt", jose::sign_jwt(key, "at+jwt", {{"sub", "someone"}, {"exp", jose::numeric_date(now) + 60}})},
            {"proof", jose::make_proof(key, kRequest, now)}};
}

json::object credential_fixture(TimePoint now) {
    const auto issuer = crypto::SigningKey::generate();
    const auto seller = crypto::SigningKey::generate();
    const auto seller_did = did::did_from_key(seller.public_key());
    const auto jwt = credential::issue(issuer, {"urn:uuid:4f1c1f0e-0000-4000-8000-000000000001",
                                                seller_did,
                                                "VerifiedSeller",
                                                {{"country", "DE"}},
                                                now,
                                                now + std::chrono::hours(1)})
                         .value();
    return {{"issuer", did::did_from_key(issuer.public_key())},
            {"subject", seller_did},
            {"credential", jwt},
            {"presentation", credential::present(seller, jwt, "testnet", "request-1", now).value()}};
}

json::array merkle_fixtures() {
    json::array out;
    for (const std::size_t count : {0u, 1u, 2u, 3u, 7u, 8u, 100u}) {
        json::array data;
        std::vector<crypto::Hash> leaves;
        for (std::size_t i = 0; i < count; ++i) {
            const Bytes leaf = crypto::random_bytes(20);
            data.emplace_back(to_hex(leaf));
            leaves.push_back(crypto::merkle_leaf(leaf));
        }
        out.push_back(json::object{{"leaves", std::move(data)}, {"root", to_hex(crypto::merkle_root(leaves))}});
    }
    return out;
}

json::object frame_fixture() {
    crypto::FrameHeader header;
    header.stream = crypto::stream_hash("acme/boiler-7/1732147200");
    header.writer.fill(0xab);
    header.key_epoch = 7;
    header.sequence = 1'000'000'007;
    header.time_us = 1'732'147'200'000'000;
    const Bytes subkey = crypto::random_bytes(32);
    return {{"subkey", to_hex(subkey)},
            {"stream", "acme/boiler-7/1732147200"},
            {"sequence", header.sequence},
            {"plaintext", "21.5 C"},
            {"frame", to_hex(crypto::seal_frame(subkey, header, as_bytes("21.5 C")))}};
}

json::object custody_fixture() {
    namespace custody = crypto::custody;
    custody::DealContext context{"testnet", "acme/boiler-7/1732147200", 7, "did:key:seller", {}, 3};
    std::vector<crypto::SigningKey> custodians;
    for (int i = 1; i <= 4; ++i) {
        custodians.push_back(crypto::SigningKey::generate());
        context.roster.emplace_back("org" + std::to_string(i), custodians.back().public_key().compressed());
    }
    const auto dealt = custody::deal(context).value();
    const auto buyer = crypto::SigningKey::generate();
    const auto bound_to = custody::release_context(context, "purchase-42", "did:key:buyer");
    json::array shares;
    json::array releases;
    for (std::uint32_t i = 1; i <= 4; ++i) {
        const auto& share = dealt.dealing.shares[i - 1];
        shares.push_back(json::object{{"P", to_hex(context.roster[i - 1].second)},
                                      {"Y", to_hex(share.y)},
                                      {"c", to_hex(share.challenge)},
                                      {"r", to_hex(share.response)}});
        if (i == 2) continue;  // three of four are enough
        const auto made =
            custody::release(custodians[i - 1], share.y, buyer.public_key().compressed(), bound_to).value();
        releases.push_back(json::object{{"index", i},
                                        {"A", to_hex(made.a)},
                                        {"B", to_hex(made.b)},
                                        {"c", to_hex(made.c)},
                                        {"s", to_hex(made.s)},
                                        {"u", to_hex(made.u)}});
    }
    json::array commitments;
    for (const auto& commitment : dealt.dealing.commitments) commitments.emplace_back(to_hex(commitment));
    return {{"H", to_hex(custody::generator_h())},
            {"context", to_hex(context.encode())},
            {"release_context", to_hex(bound_to)},
            {"commitments", std::move(commitments)},
            {"shares", std::move(shares)},
            {"releases", std::move(releases)},
            {"buyer_secret", to_hex(buyer.scalar())},
            {"buyer_public", to_hex(buyer.public_key().compressed())},
            {"key", to_hex(dealt.key.key)},
            {"key_check_value", to_hex(dealt.dealing.key_check_value)}};
}

json::object make(TimePoint now) {
    return {
        {"signature", signature_fixture()}, {"tokens", tokens_fixture(now)}, {"credential", credential_fixture(now)},
        {"merkle", merkle_fixtures()},      {"frame", frame_fixture()},      {"custody", custody_fixture()}};
}

template <typename T>
json::string verdict(const Result<T>& result) {
    return json::string(result ? "good" : result.error().code);
}

/// `made` has public, message, signature (hex), did, jwt, proof, credential, presentation.
json::object check(const json::object& made, TimePoint now) {
    const auto text = [&](const char* name) { return std::string(made.at(name).as_string()); };
    const auto key = crypto::VerifyingKey::from_sec1(base::from_hex(text("public")).value()).value();
    const auto signature = crypto::to_signature(base::from_hex(text("signature")).value()).value();
    const auto named = did::key_from_did(text("did"));
    return {{"signature", key.verify(base::from_hex(text("message")).value(), signature)},
            {"did", named && *named == key},
            {"jwt", verdict(jose::verify_jwt(text("jwt"), "at+jwt", key))},
            {"proof", verdict(jose::verify_proof(text("proof"), kRequest, now))},
            {"credential", verdict(credential::verify(text("credential"), now))},
            {"presentation", verdict(credential::verify_presentation(text("presentation"), "testnet", now))}};
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view mode = argc == 2 ? argv[1] : "";
    const TimePoint now = base::wall_now();
    if (mode == "make") {
        std::cout << json::serialize(make(now)) << '\n';
        return 0;
    }
    if (mode == "check") {
        const std::string input(std::istreambuf_iterator<char>(std::cin), {});
        std::cout << json::serialize(check(json::parse(input).as_object(), now)) << '\n';
        return 0;
    }
    std::cerr << "usage: fs_outside_fixtures make|check\n";
    return 2;
}
