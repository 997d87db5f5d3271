#pragma once

#include <algorithm>
#include <cstdint>

#include "base/bytes.hpp"

namespace fairstream::tests {

/// What a fuzzer gives, taken in pieces. What is not there reads as 0 or empty.
class Input {
public:
    Input(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}

    bool empty() const { return rest_.empty(); }
    std::uint8_t byte() {
        if (rest_.empty()) return 0;
        const auto out = rest_[0];
        rest_ = rest_.subspan(1);
        return out;
    }
    ByteView take(std::size_t at_most) {
        const auto out = rest_.first(std::min(at_most, rest_.size()));
        rest_ = rest_.subspan(out.size());
        return out;
    }
    /// As many as four times the next byte says.
    Bytes bytes() {
        const std::size_t wanted = byte() * 4u;
        return to_bytes(take(wanted));
    }
    ByteView rest() const { return rest_; }

private:
    ByteView rest_;
};

}  // namespace fairstream::tests
