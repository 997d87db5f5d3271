#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace fairstream::marketplace_dapp::events {

/// What a storage operator said of what it stores (GET /v1/report), under the key that the ledger lists for it. It is
/// the operator's word: what is paid for stands on receipts, not on this.
struct OperatorReport {
    struct Mark {
        std::string stream;         // hex
        std::uint64_t through = 0;  // every frame up to this one
        std::string head;           // hex: of the manifest that ends there
    };
    std::vector<Mark> marks;
    std::string next;  // where to go on; empty: that was all
    std::uint64_t said_at_us = 0;
};

/// Who is expected to have said it.
struct Reporting {
    std::string name, did, network;
};

/// Errors: those of verify_jwt, bad_did, wrong_operator, wrong_network, stale (more than a minute from `now`),
/// bad_report.
Result<OperatorReport> read_report(const std::string& jwt, const Reporting& expected, TimePoint now);

}  // namespace fairstream::marketplace_dapp::events
