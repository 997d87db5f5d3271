#pragma once

#include <cstdint>
#include <vector>

#include "base/result.hpp"
#include "benchmarks/measured.hpp"

namespace fairstream::benchmarks {

struct LiveOptions {
    std::vector<std::uint32_t> streams{1, 10};  // at once, each with its own seller and buyer
    std::uint32_t rate = 100;                   // readings a second of each
    std::uint32_t bytes = 200;                  // of a reading, 20 at least
    std::uint32_t seconds = 10;
    std::uint32_t key_epoch_s = 5;  // keys roll meanwhile
    std::uint32_t operators = 3;
};

/// Live streams from the moment that a seller has a reading until its buyer has it decrypted and checked, in between:
/// sealed, stored by a quorum of operators, pushed over MQTT. Every reading must come, once and in order. Beside them,
/// in the same run, the same readings from as many publishers to as many subscribers over a plain Mosquitto (TLS, QoS
/// 1).
Result<Measured> measure_live(const LiveOptions& options, const Progress& progress);

}  // namespace fairstream::benchmarks
