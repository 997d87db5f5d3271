#pragma once

namespace fairstream::base {

/// Prints what broke and stops the process. For broken invariants of ours only; bad input from outside is an Error.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

}  // namespace fairstream::base

/// A broken invariant stops the process loudly, in release builds too.
#define FS_ASSERT(condition) \
    ((condition) ? static_cast<void>(0) : ::fairstream::base::assertion_failed(#condition, __FILE__, __LINE__))
