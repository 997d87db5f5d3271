#include "base/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace fairstream::base {

namespace {

const prometheus::Histogram::BucketBoundaries kSecondsBuckets{0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1,
                                                              0.2,   0.5,   1,     2,    5,    10};

}  // namespace

Metrics::Metrics() : registry_(std::make_shared<prometheus::Registry>()) {}
Metrics::~Metrics() = default;

// Registering a family or metric again returns the one that is there.

void Metrics::count(std::string_view name, double by, const Labels& labels) {
    prometheus::BuildCounter().Name(std::string(name)).Register(*registry_).Add(labels).Increment(by);
}

void Metrics::gauge(std::string_view name, double value, const Labels& labels) {
    prometheus::BuildGauge().Name(std::string(name)).Register(*registry_).Add(labels).Set(value);
}

void Metrics::observe(std::string_view name, double seconds, const Labels& labels) {
    prometheus::BuildHistogram()
        .Name(std::string(name))
        .Register(*registry_)
        .Add(labels, kSecondsBuckets)
        .Observe(seconds);
}

std::string Metrics::text() const {
    return prometheus::TextSerializer().Serialize(registry_->Collect());
}

}  // namespace fairstream::base
