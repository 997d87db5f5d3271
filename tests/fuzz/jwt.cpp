/// Every JWT that this system takes, signed by a key that the input may name: header and claims are the input's two
/// lines. Proofs of possession, credentials, presentations, access tokens.
#include <boost/json/parse.hpp>

#include "base/encoding.hpp"
#include "identity/credential/presentation.hpp"
#include "identity/credential/timestamp.hpp"
#include "identity/jose/jwk.hpp"
#include "identity/jose/proof.hpp"
#include "identity/jose/strict_json.hpp"
#include "security_manager/gate/access_token.hpp"
#include "tests/fuzz/known_key.hpp"

using namespace fairstream;

namespace {

std::string sign(std::string_view header, std::string_view claims) {
    auto text = base::to_base64url(as_bytes(header)) + "." + base::to_base64url(as_bytes(claims));
    text += "." + base::to_base64url(tests::known_key().sign(as_bytes(text)));
    return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = as_text({data, size});
    const auto end = std::min(text.find('\n'), text.size());
    const auto header = text.substr(0, end), claims = text.substr(std::min(end + 1, text.size()));
    const auto now = base::from_us(1'790'000'000'000'000);
    if (const auto object = identity::jose::parse_strict_object(header))
        static_cast<void>(identity::jose::key_from_jwk(*object));
    static_cast<void>(identity::credential::from_timestamp(claims));
    const auto jwt = sign(header, claims);
    static_cast<void>(identity::jose::verify_proof(
        jwt, {.method = "POST", .url = "https://op/v1", .nonce = "n", .grant = "g", .access_token = "t"}, now));
    static_cast<void>(identity::credential::verify(jwt, now));
    static_cast<void>(identity::credential::verify_presentation(jwt, "net", now));
    for (const auto type : {security_manager::gate::kAccessTokenType, security_manager::gate::kBearerTokenType})
        static_cast<void>(security_manager::gate::read_token(jwt, type, tests::known_key().public_key(), "op1", now));
    return 0;
}
