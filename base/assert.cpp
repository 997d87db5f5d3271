#include "base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace fairstream::base {

void assertion_failed(const char* condition, const char* file, int line) {
    std::fprintf(stderr, "fairstream: broken invariant at %s:%d: %s\n", file, line, condition);
    std::fflush(stderr);
    std::abort();
}

}  // namespace fairstream::base
