#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace prometheus {
class Registry;
}

namespace fairstream::base {

/// Counters, gauges and histograms of one process, in Prometheus' text format. Thread-safe.
class Metrics {
public:
    using Labels = std::map<std::string, std::string>;

    Metrics();
    ~Metrics();

    void count(std::string_view name, double by = 1, const Labels& labels = {});
    void gauge(std::string_view name, double value, const Labels& labels = {});
    /// Seconds, in buckets from 1 ms to 10 s.
    void observe(std::string_view name, double seconds, const Labels& labels = {});

    /// Text exposition format 0.0.4.
    std::string text() const;

private:
    std::shared_ptr<prometheus::Registry> registry_;
};

}  // namespace fairstream::base
