#include "mqtt_bridge/log/segment.hpp"
#include "mqtt_bridge/replicate/message.hpp"

using namespace fairstream;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes{data, size};
    static_cast<void>(mqtt_bridge::replicate::decode_marks(bytes));
    static_cast<void>(mqtt_bridge::replicate::decode_fetch(bytes));
    static_cast<void>(mqtt_bridge::log::scan_segment(bytes, 0));
    return 0;
}
