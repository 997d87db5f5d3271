#include <algorithm>

#include "identity/credential/presentation.hpp"
#include "identity/crypto/custody.hpp"
#include "identity/crypto/frame.hpp"
#include "identity/did/did_key.hpp"
#include "identity/msp/certificate.hpp"

#include "tests/fuzz/input.hpp"

using namespace fairstream;

namespace {

namespace custody = identity::crypto::custody;

template <typename Array>
Array take(tests::Input& input) {
    Array out{};
    std::ranges::copy(input.take(out.size()), out.begin());
    return out;
}

/// Points and scalars as a dealing and a release bring them.
void custody_of(tests::Input input) {
    const auto point = [&] { return take<custody::Point>(input); };
    const auto scalar = [&] { return take<custody::Scalar>(input); };
    const custody::DealContext context{.network = "net",
                                       .stream = "s",
                                       .key_epoch = 1,
                                       .seller = "did",
                                       .roster = {{"org1", point()}},
                                       .threshold = 1};
    const custody::Point commitment = point();
    const custody::EncryptedShare share{point(), scalar(), scalar()};
    static_cast<void>(custody::verify_dealing(context, {&commitment, 1}, {&share, 1}));
    const custody::Release release{commitment, share.y, share.challenge, share.response, scalar()};
    static_cast<void>(custody::verify_release(release, context.roster[0].second, share.y, commitment, {}));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes{data, size};
    const auto text = as_text(bytes);
    const auto now = base::from_us(1'790'000'000'000'000);
    static_cast<void>(identity::credential::verify(text, now));
    static_cast<void>(identity::credential::verify_presentation(text, "net", now));
    static_cast<void>(identity::did::key_from_did(text));
    static_cast<void>(identity::msp::MemberCertificate::from_der(bytes));
    static_cast<void>(identity::crypto::FrameHeader::decode(bytes));
    static_cast<void>(identity::crypto::open_frame(Bytes(32), bytes));
    static_cast<void>(identity::crypto::VerifyingKey::from_sec1(bytes));
    static_cast<void>(identity::crypto::signature_from_der(bytes));
    custody_of({data, size});
    return 0;
}
