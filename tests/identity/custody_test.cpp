#include "identity/crypto/custody.hpp"

#include <catch2/catch.hpp>
#include <functional>

#include "tests/identity/custody_vectors.hpp"
#include "tests/identity/hash_to_curve.hpp"

using namespace custody_vectors;

namespace {

custody::Dealt vector_dealing() {
    return custody::deal_with(context(), coefficients(), dealing_nonces()).value();
}

template <std::size_t N>
std::array<std::uint8_t, N> flipped(std::array<std::uint8_t, N> bytes) {
    bytes[N - 1] = static_cast<std::uint8_t>(bytes[N - 1] ^ 1);
    return bytes;
}

/// The smallest integer that is no scalar.
custody::Scalar group_order() {
    return scalar(boost::json::value("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"));
}

struct World {
    std::vector<SigningKey> custodians;
    custody::DealContext context;
};

World world(std::uint32_t threshold, std::size_t custodians) {
    World out;
    out.context = {"net", "stream-1", 1, "did:key:seller", {}, threshold};
    for (std::size_t i = 0; i < custodians; ++i) {
        out.custodians.push_back(SigningKey::generate());
        out.context.roster.emplace_back("org" + std::to_string(i + 1), out.custodians[i].public_key().compressed());
    }
    return out;
}

}  // namespace

TEST_CASE("hash to curve gives RFC 9380's points (appendix J.1.1)") {
    const auto xy = [](std::string_view message) {
        const auto point =
            hash_to_curve::hash_to_curve(as_bytes(message), "QUUX-V01-CS02-with-P256_XMD:SHA-256_SSWU_RO_")
                .uncompressed();
        return base::to_hex(ByteView(point).subspan(1));
    };
    CHECK(xy("") ==
          "2c15230b26dbc6fc9a37051158c95b79656e17a1a920b11394ca91c44247d3e4"
          "8a7a74985cc5c776cdfe4b1f19884970453912e9d31528c060be9ab5c43e8415");
    CHECK(xy("abc") ==
          "0bb8b87485551aa43ed54f009230450b492fead5f1cc91658775dac4a3388a0f"
          "5c41b3d0731a27a7b14bc0bf0ccded2d8751f83493404c84a88e71ffd424212e");
}

TEST_CASE("generator H is the hash to curve of its name") {
    const auto& vector = json().at("generator_H").as_object();
    const auto derived =
        hash_to_curve::hash_to_curve(as_bytes(text(vector.at("message"))), text(vector.at("dst"))).compressed();
    CHECK(derived == point(vector.at("point")));
    CHECK(custody::generator_h() == derived);
}

TEST_CASE("the contexts are the vectors'") {
    CHECK(base::to_hex(context().roster_hash()) == text(json().at("roster_hash")));
    CHECK(base::to_hex(context().encode()) == text(json().at("context")));
    CHECK(base::to_hex(release_context()) == text(json().at("release_context")));
    for (std::size_t i = 1; i <= 4; ++i)
        CHECK(custodian(i).public_key().compressed() == context().roster[i - 1].second);
    CHECK(buyer().public_key().compressed() == point(json().at("buyer_public_Q")));
}

TEST_CASE("dealing with the vectors' secrets gives the vectors' dealing") {
    const auto dealt = vector_dealing();
    const auto& commitments = json().at("commitments_C").as_array();
    REQUIRE(dealt.dealing.commitments.size() == commitments.size());
    for (std::size_t j = 0; j < commitments.size(); ++j) CHECK(dealt.dealing.commitments[j] == point(commitments[j]));
    const auto& shares = json().at("shares").as_array();
    REQUIRE(dealt.dealing.shares.size() == shares.size());
    for (std::size_t i = 0; i < shares.size(); ++i) {
        const auto& expected = shares[i].as_object();
        CHECK(dealt.dealing.shares[i].y == point(expected.at("encrypted_share_Y")));
        CHECK(dealt.dealing.shares[i].challenge == scalar(expected.at("dleq_c")));
        CHECK(dealt.dealing.shares[i].response == scalar(expected.at("dleq_r")));
    }
    const auto secret = SigningKey::from_scalar(coefficients()[0]).value().public_key().compressed();
    CHECK(secret == point(json().at("secret_point_S")));
    CHECK(base::to_hex(dealt.key.key) == text(json().at("stream_key_K")));
    CHECK(base::to_hex(dealt.dealing.key_check_value) == text(json().at("key_check_value")));
    CHECK(base::to_hex(dealt.key.encryption_subkey()) == text(json().at("subkeys").at("enc")));
    CHECK(base::to_hex(dealt.key.mac_subkey()) == text(json().at("subkeys").at("mac")));
    CHECK(custody::verify_dealing(context(), dealt.dealing.commitments, dealt.dealing.shares));
}

TEST_CASE("releases made with the vectors' secrets are the vectors', and exactly the valid ones verify") {
    const auto dealt = vector_dealing();
    const auto q = buyer().public_key().compressed();
    for (const auto& value : json().at("releases").as_array()) {
        const auto& expected = value.as_object();
        const auto index = expected.at("index").to_number<std::size_t>();
        const auto p = context().roster[index - 1].second;
        const auto y = dealt.dealing.shares[index - 1].y;
        const auto given = release(expected);
        const auto verdict = custody::verify_release(given, p, y, q, release_context());
        if (!expected.at("valid").as_bool()) {
            CHECK(verdict.error().code == "bad_proof");
            continue;
        }
        CHECK(verdict);
        const auto made = custody::release_with(custodian(index), y, q, release_context(), scalar(expected.at("rho")),
                                                scalar(expected.at("alpha")), scalar(expected.at("beta")))
                              .value();
        CHECK(made.a == given.a);
        CHECK(made.b == given.b);
        CHECK(made.c == given.c);
        CHECK(made.s == given.s);
        CHECK(made.u == given.u);
    }
}

TEST_CASE("the vectors' valid releases combine to K, and with the invalid one they do not") {
    std::vector<custody::IndexedRelease> valid;
    custody::IndexedRelease invalid{};
    for (const auto& value : json().at("releases").as_array()) {
        const auto& entry = value.as_object();
        const custody::IndexedRelease indexed{entry.at("index").to_number<std::uint32_t>(), release(entry)};
        if (entry.at("valid").as_bool())
            valid.push_back(indexed);
        else
            invalid = indexed;
    }
    const auto kcv = fixed<32>(json().at("key_check_value"));
    CHECK(base::to_hex(custody::combine(buyer(), valid, context(), kcv).value().key) ==
          text(json().at("stream_key_K")));
    const std::vector<custody::IndexedRelease> spoiled = {valid[0], valid[1], invalid};
    CHECK(custody::combine(buyer(), spoiled, context(), kcv).error().code == "wrong_key");
    CHECK(custody::combine(SigningKey::generate(), valid, context(), kcv).error().code == "wrong_key");
    CHECK(custody::combine(buyer(), std::span(valid).first(2), context(), kcv).error().code == "too_few_releases");
    const std::vector<custody::IndexedRelease> doubled = {valid[0], valid[1], valid[0]};
    CHECK(custody::combine(buyer(), doubled, context(), kcv).error().code == "too_few_releases");
    auto foreign = valid;
    foreign[2].index = 5;
    CHECK(custody::combine(buyer(), foreign, context(), kcv).error().code == "too_few_releases");
    auto off_curve = valid;
    off_curve[1].release.a.fill(0xff);
    CHECK(custody::combine(buyer(), off_curve, context(), kcv).error().code == "bad_point");
}

TEST_CASE("any t of n custodians give the buyer the key that the seller dealt") {
    const auto [t, n] =
        GENERATE(std::pair{1u, 1u}, std::pair{2u, 2u}, std::pair{2u, 3u}, std::pair{3u, 4u}, std::pair{5u, 7u});
    const auto w = world(t, n);
    const auto dealt = custody::deal(w.context).value();
    REQUIRE(custody::verify_dealing(w.context, dealt.dealing.commitments, dealt.dealing.shares));
    const auto client = SigningKey::generate();
    const auto q = client.public_key().compressed();
    const auto bound_to = custody::release_context(w.context, "purchase-1", "did:key:buyer");
    std::vector<custody::IndexedRelease> releases;
    for (std::uint32_t i = n; i > n - t; --i) {  // the last t, in falling order
        const auto y = dealt.dealing.shares[i - 1].y;
        const auto made = custody::release(w.custodians[i - 1], y, q, bound_to).value();
        CHECK(custody::verify_release(made, w.context.roster[i - 1].second, y, q, bound_to));
        releases.push_back({i, made});
    }
    CHECK(custody::combine(client, releases, w.context, dealt.dealing.key_check_value).value().key == dealt.key.key);
}

TEST_CASE("two dealings never give the same key") {
    const auto w = world(2, 3);
    CHECK(custody::deal(w.context).value().key.key != custody::deal(w.context).value().key.key);
}

TEST_CASE("a threshold is more than half of the custodians and at most all of them") {
    for (const auto& [t, n] : {std::pair{0u, 0u}, {0u, 3u}, {1u, 2u}, {2u, 4u}, {4u, 3u}, {40u, 65u}}) {
        auto w = world(t, std::min(n, 4u));
        w.context.roster.resize(n, {"org", SigningKey::generate().public_key().compressed()});
        CHECK(custody::deal(w.context).error().code == "bad_threshold");
        CHECK(custody::verify_dealing(w.context, {}, {}).error().code == "bad_threshold");
        CHECK(custody::combine(buyer(), {}, w.context, {}).error().code == "bad_threshold");
    }
}

TEST_CASE("a dealing of which anything was changed is refused, with the custodian named") {
    const auto w = world(2, 3);
    const auto dealt = custody::deal(w.context).value().dealing;
    const auto verdict = [&](const custody::DealContext& context, const custody::Dealing& dealing) {
        return custody::verify_dealing(context, dealing.commitments, dealing.shares);
    };
    REQUIRE(verdict(w.context, dealt));
    const auto other_point = SigningKey::generate().public_key().compressed();

    SECTION("another share, proof or commitment") {
        auto changed = dealt;
        changed.shares[1].y = other_point;
        CHECK(verdict(w.context, changed).error().code == "bad_proof");
        CHECK(verdict(w.context, changed).error().message.find("custodian 2") != std::string::npos);
        changed = dealt;
        changed.shares[2].challenge = flipped(changed.shares[2].challenge);
        CHECK(verdict(w.context, changed).error().code == "bad_proof");
        changed = dealt;
        changed.shares[0].response = flipped(changed.shares[0].response);
        CHECK(verdict(w.context, changed).error().code == "bad_proof");
        changed = dealt;
        changed.shares[0].response = group_order();
        CHECK(verdict(w.context, changed).error().code == "bad_proof");
        changed = dealt;
        changed.commitments[1] = other_point;
        CHECK(verdict(w.context, changed).error().code == "bad_proof");
        changed = dealt;
        std::swap(changed.shares[0], changed.shares[1]);
        CHECK(verdict(w.context, changed).error().code == "bad_proof");
    }
    SECTION("no point") {
        auto changed = dealt;
        changed.shares[1].y = {};
        CHECK(verdict(w.context, changed).error().code == "bad_point");
        changed = dealt;
        changed.commitments[0].fill(0xff);
        CHECK(verdict(w.context, changed).error().code == "bad_point");
    }
    SECTION("too few or too many") {
        auto changed = dealt;
        changed.shares.pop_back();
        CHECK(verdict(w.context, changed).error().code == "bad_threshold");
        changed = dealt;
        changed.commitments.push_back(other_point);
        CHECK(verdict(w.context, changed).error().code == "bad_threshold");
    }
    SECTION("another context") {
        for (auto change : std::vector<std::function<void(custody::DealContext&)>>{
                 [](auto& c) { c.network = "other"; }, [](auto& c) { c.stream = "other"; },
                 [](auto& c) { c.key_epoch = 2; }, [](auto& c) { c.seller = "other"; },
                 [](auto& c) { c.roster[0].first = "other"; }}) {
            auto context = w.context;
            change(context);
            CHECK(verdict(context, dealt).error().code == "bad_proof");
        }
    }
}

TEST_CASE("a release of which anything was changed, or shown for another purchase, is refused") {
    const auto w = world(2, 3);
    const auto dealt = custody::deal(w.context).value().dealing;
    const auto q = SigningKey::generate().public_key().compressed();
    const auto p = w.context.roster[0].second;
    const auto y = dealt.shares[0].y;
    const auto bound_to = custody::release_context(w.context, "purchase-1", "did:key:buyer");
    const auto good = custody::release(w.custodians[0], y, q, bound_to).value();
    REQUIRE(custody::verify_release(good, p, y, q, bound_to));
    const auto other_point = SigningKey::generate().public_key().compressed();

    for (const auto scalar_member : {&custody::Release::c, &custody::Release::s, &custody::Release::u}) {
        auto changed = good;
        changed.*scalar_member = flipped(good.*scalar_member);
        CHECK(custody::verify_release(changed, p, y, q, bound_to).error().code == "bad_proof");
        changed.*scalar_member = group_order();
        CHECK(custody::verify_release(changed, p, y, q, bound_to).error().code == "bad_proof");
    }
    for (const auto point_member : {&custody::Release::a, &custody::Release::b}) {
        auto changed = good;
        changed.*point_member = other_point;
        CHECK(custody::verify_release(changed, p, y, q, bound_to).error().code == "bad_proof");
        changed.*point_member = {};
        CHECK(custody::verify_release(changed, p, y, q, bound_to).error().code == "bad_point");
    }
    CHECK(custody::verify_release(good, other_point, y, q, bound_to).error().code == "bad_proof");
    CHECK(custody::verify_release(good, p, dealt.shares[1].y, q, bound_to).error().code == "bad_proof");
    CHECK(custody::verify_release(good, p, y, other_point, bound_to).error().code == "bad_proof");
    const auto other_purchase = custody::release_context(w.context, "purchase-2", "did:key:buyer");
    CHECK(custody::verify_release(good, p, y, q, other_purchase).error().code == "bad_proof");
    CHECK(custody::release(w.custodians[0], {}, q, bound_to).error().code == "bad_point");
    CHECK(custody::release(w.custodians[0], y, {}, bound_to).error().code == "bad_point");
}
