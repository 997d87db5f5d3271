#include "benchmarks/latencies.hpp"

#include <algorithm>
#include <cmath>

namespace fairstream::benchmarks {

double Latencies::percentile_ms(double percent) const {
    if (all_.empty()) return 0;
    auto sorted = all_;
    const auto rank = static_cast<std::size_t>(std::ceil(percent / 100 * static_cast<double>(sorted.size())));
    const auto place =
        sorted.begin() + static_cast<std::ptrdiff_t>(std::clamp<std::size_t>(rank, 1, sorted.size()) - 1);
    std::nth_element(sorted.begin(), place, sorted.end());
    return static_cast<double>(place->count()) / 1e3;
}

boost::json::object Latencies::to_json() const {
    return {{"p50_ms", percentile_ms(50)}, {"p95_ms", percentile_ms(95)}, {"p99_ms", percentile_ms(99)}};
}

}  // namespace fairstream::benchmarks
