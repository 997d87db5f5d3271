#pragma once

#include <span>

#include "security_manager/gate/meter.hpp"

namespace fairstream::security_manager::gate {

/// What one operator has served under one purchase, and what the buyer's receipts cover: no more than W entries are
/// served ahead of the receipts (marketplace.md, "A purchase"), so that a buyer that falls silent holds back no more.
/// Entries that were served or receipted before may be served again as often as one likes.
class DeliveryAccount {
public:
    /// W; 0: receipts are not waited for.
    void set_window(std::uint32_t entries) { window_ = entries; }
    std::uint32_t window() const { return window_; }

    bool may_serve(std::uint64_t sequence) const { return reach(sequence, sequence) == sequence; }
    /// The last of [first, last] up to which may be served now; first - 1: none. Precondition: 1 <= first <= last.
    std::uint64_t reach(std::uint64_t first, std::uint64_t last) const;
    /// False, and nothing counted, if served entries lie in too many pieces. Precondition: first <= last.
    bool serve(std::uint64_t first, std::uint64_t last);
    /// What a receipt covers; receipts are cumulative.
    void cover(std::span<const SequenceRange> ranges);

    const Meter& served() const { return served_; }
    const Meter& covered() const { return covered_; }
    /// Entries served here that no receipt covers.
    std::uint64_t ahead() const { return known_.entries() - covered_.entries(); }

private:
    Meter served_;
    Meter covered_;
    Meter known_;  // either
    std::uint32_t window_ = 0;
};

}  // namespace fairstream::security_manager::gate
