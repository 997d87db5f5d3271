#pragma once

#include <chrono>
#include <optional>

#include "base/result.hpp"

namespace fairstream::base {

/// Back-pressure: "busy", with the time after which another attempt may fare better. The time is the message's last
/// words, "; retry after 250 ms", so that it survives every border an Error crosses.
Error busy(std::string what, std::chrono::milliseconds retry_after);

/// What busy() said, at most 30 s; nothing for any other error.
std::optional<std::chrono::milliseconds> retry_after(const Error& error);

}  // namespace fairstream::base
