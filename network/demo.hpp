#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "base/result.hpp"

namespace fairstream::network {

struct DemoOptions {
    std::filesystem::path input;  // empty: readings of this machine's own sensors, taken for a few seconds
    std::filesystem::path dir;    // empty: a temporary folder, removed at the end
};

/// `fairstream demo`: a whole consortium, one complete trade on real input, then the refusals. Prints what each step
/// proved, hashes, balances and times. Error: demo_failed, naming what did not hold; everything started is stopped
/// either way.
Status demo(const DemoOptions& options);

/// What this machine measures of itself now, from /proc and /sys: a SenML pack (RFC 8428) on one line.
std::string sensor_reading();
/// The same for `seconds`, four times a second, in one pack and a line's end.
std::string sensor_readings(unsigned seconds, const std::function<void(unsigned)>& on_second);

}  // namespace fairstream::network
