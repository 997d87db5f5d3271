#pragma once

#include <cstdint>
#include <functional>

#include "base/result.hpp"

namespace fairstream::benchmarks {

/// Jobs 0 to `count` - 1, `threads` at a time. The first error ends all that have not begun, and is the answer.
Status at_once(std::uint32_t count, std::uint32_t threads, const std::function<Status(std::uint32_t)>& job);

}  // namespace fairstream::benchmarks
