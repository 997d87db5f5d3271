#include "base/encoding.hpp"

#include "base/assert.hpp"
#include "base/trace.hpp"

using namespace fairstream;

/// Whatever decodes encodes back to a text that decodes to the same bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = as_text({data, size});
    if (const auto bytes = base::from_hex(text)) FS_ASSERT(*base::from_hex(base::to_hex(*bytes)) == *bytes);
    if (const auto bytes = base::from_base64(text)) FS_ASSERT(base::to_base64(*bytes) == text);
    if (const auto bytes = base::from_base64url(text)) FS_ASSERT(base::to_base64url(*bytes) == text);
    if (const auto bytes = base::from_base58(text)) FS_ASSERT(base::to_base58(*bytes) == text);
    if (const auto trace = base::TraceContext::parse(text)) FS_ASSERT(text.starts_with(trace->to_text().substr(0, 52)));
    return 0;
}
