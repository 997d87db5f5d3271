#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <vector>

namespace fairstream::benchmarks {

/// How long things took, every one of them kept: percentiles are exact, not from buckets. One thread; `merge` joins
/// those of several.
class Latencies {
public:
    void add(std::chrono::microseconds took) { all_.push_back(took); }
    void merge(const Latencies& other) { all_.insert(all_.end(), other.all_.begin(), other.all_.end()); }
    std::size_t count() const { return all_.size(); }

    /// The smallest value that at least `percent` (0 to 100) of all do not exceed, in milliseconds; 0 if there are
    /// none.
    double percentile_ms(double percent) const;
    /// p50_ms, p95_ms, p99_ms.
    boost::json::object to_json() const;

private:
    std::vector<std::chrono::microseconds> all_;
};

}  // namespace fairstream::benchmarks
