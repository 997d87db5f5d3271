#pragma once

#include <string>
#include <vector>

#include "ledger/order/messages.hpp"

/// Who proposes when (docs/adr/0007): the members by turns, without those that let their rounds pass a short while ago.
/// Everything here follows from the decided headers alone, so all nodes at one height agree on it.
namespace fairstream::ledger::order {

/// A member that let a round pass and has proposed no block since: it does not lead up to height `until`.
struct Absence {
    std::string node;
    std::uint64_t until = 0;
    std::uint64_t span = 0;  // heights it is skipped for; doubles each time it fails again
    bool operator==(const Absence&) const = default;
};
/// At most one a member, in voting order.
using Absences = std::vector<Absence>;

constexpr std::uint64_t kFirstAbsence = 32;      // heights
constexpr std::uint64_t kLongestAbsence = 4096;  // heights

/// The leader of (height, round): the present members by turns, then all of them, so that some round of every height is
/// an honest member's. At most n - q are skipped at a time; of more, those that came back last.
const std::string& leader(const Channel& channel, const Absences& absences, std::uint64_t height, std::uint32_t round);

/// What the decided header of the next height makes of `before`: who led an earlier round than the one in which the
/// block was first proposed is skipped, and who proposed it is forgiven.
Absences absences_after(const Channel& channel, const Absences& before, const proto::BlockHeader& header);

/// For the state store, beside the height they belong to.
Bytes encode_absences(const Absences& absences);
/// Error: damaged.
Result<Absences> decode_absences(ByteView bytes);

}  // namespace fairstream::ledger::order
