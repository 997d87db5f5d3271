#pragma once

#include "mqtt_bridge/log/stream_log.hpp"

namespace fairstream::tests {

/// Bundles of a stream, each chained to the one before, without cryptography: the head is the hash of what it names.
class Chain {
public:
    explicit Chain(std::uint8_t stream, std::string story = "") : story_(std::move(story)) { stream_.fill(stream); }

    mqtt_bridge::log::Record next(std::uint64_t frames = 4, std::size_t bytes = 100) {
        mqtt_bridge::log::Record record;
        record.stream = stream_;
        record.first = last_ + 1;
        record.last = last_ + frames;
        record.previous = head_;
        record.raw = to_bytes(story_ + "/" + std::to_string(record.first) + "/");
        record.raw.resize(std::max(bytes, record.raw.size()), 'x');
        record.head = head_of(record);
        last_ = record.last;
        head_ = record.head;
        return record;
    }

    static identity::crypto::Hash head_of(const mqtt_bridge::log::Record& record) {
        return identity::crypto::sha256_of({record.previous, record.raw});
    }
    const identity::crypto::StreamHash& stream() const { return stream_; }
    mqtt_bridge::log::Position position() const { return {last_, head_}; }

private:
    identity::crypto::StreamHash stream_{};
    std::string story_;
    std::uint64_t last_ = 0;
    identity::crypto::Hash head_{};
};

}  // namespace fairstream::tests
