#include "identity/credential/presentation.hpp"
#include "identity/crypto/frame.hpp"
#include "identity/did/did_key.hpp"
#include "identity/msp/certificate.hpp"

using namespace fairstream;

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
    return 0;
}
