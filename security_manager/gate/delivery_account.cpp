#include "security_manager/gate/delivery_account.hpp"

namespace fairstream::security_manager::gate {

std::uint64_t DeliveryAccount::reach(std::uint64_t first, std::uint64_t last) const {
    if (window_ == 0) return last;
    if (!known_.has_room_at(first)) return first - 1;  // what could not be counted is not served
    const std::uint64_t held = ahead();
    return known_.reach(first, last, held < window_ ? window_ - held : 0);
}

bool DeliveryAccount::serve(std::uint64_t first, std::uint64_t last) {
    return known_.add(first, last) && served_.add(first, last);
}

void DeliveryAccount::cover(std::span<const SequenceRange> ranges) {
    for (const auto& [first, last] : ranges)
        if (known_.add(first, last)) covered_.add(first, last);
}

}  // namespace fairstream::security_manager::gate
