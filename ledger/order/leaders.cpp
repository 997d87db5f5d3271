#include "ledger/order/leaders.hpp"

#include <algorithm>
#include <set>

namespace fairstream::ledger::order {

namespace {

constexpr std::size_t kMaxAbsences = 1024;

const Absence* find(const Absences& absences, std::string_view node) {
    const auto found = std::ranges::find(absences, node, &Absence::node);
    return found == absences.end() ? nullptr : &*found;
}

/// Names of who may lead at `height`, in voting order.
std::vector<const std::string*> present(const Channel& channel, const Absences& absences, std::uint64_t height) {
    std::vector<const Absence*> skipped;
    for (const auto& node : channel.nodes())
        if (const auto* absence = find(absences, node.name); absence != nullptr && absence->until >= height)
            skipped.push_back(absence);
    const std::size_t most = channel.nodes().size() - channel.quorum();
    if (skipped.size() > most) {
        std::ranges::stable_sort(skipped, std::ranges::greater{}, &Absence::until);
        skipped.resize(most);
    }
    std::vector<const std::string*> out;
    for (const auto& node : channel.nodes())
        if (std::ranges::find(skipped, node.name, &Absence::node) == skipped.end()) out.push_back(&node.name);
    return out;
}

}  // namespace

const std::string& leader(const Channel& channel, const Absences& absences, std::uint64_t height, std::uint32_t round) {
    const auto& nodes = channel.nodes();
    if (absences.empty()) return nodes[(height + round) % nodes.size()].name;
    const auto candidates = present(channel, absences, height);
    if (round < candidates.size()) return *candidates[(height + round) % candidates.size()];
    return nodes[(height + round) % nodes.size()].name;
}

Absences absences_after(const Channel& channel, const Absences& before, const proto::BlockHeader& header) {
    if (before.empty() && header.round() == 0) return {};
    std::set<std::string_view> failed;
    const auto turns = static_cast<std::uint32_t>(2 * channel.nodes().size());  // after these everyone has led
    for (std::uint32_t round = 0; round < std::min(header.round(), turns); ++round)
        failed.insert(leader(channel, before, header.height(), round));
    failed.erase(header.proposer());

    Absences after;
    for (const auto& node : channel.nodes()) {
        const auto* const known = find(before, node.name);
        if (failed.contains(node.name)) {
            // One that is skipped already and led because all had their turn is judged by that turn alone.
            const bool again = known != nullptr && known->until < header.height();
            const auto span = known == nullptr ? kFirstAbsence
                              : again          ? std::min(2 * known->span, kLongestAbsence)
                                               : known->span;
            after.push_back({node.name, header.height() + span, span});
        } else if (known != nullptr && node.name != header.proposer()) {
            after.push_back(*known);
        }
    }
    return after;
}

Bytes encode_absences(const Absences& absences) {
    Bytes out;
    for (const auto& absence : absences) {
        base::append_u32(out, static_cast<std::uint32_t>(absence.node.size()));
        append(out, as_bytes(absence.node));
        base::append_u64(out, absence.until);
        base::append_u64(out, absence.span);
    }
    return out;
}

Result<Absences> decode_absences(ByteView bytes) {
    Absences out;
    while (!bytes.empty()) {
        const std::size_t length = bytes.size() < 4 ? bytes.size() : base::read_u32(bytes);
        if (bytes.size() < 4 + 16 || length > bytes.size() - 4 - 16 || out.size() == kMaxAbsences)
            return fail("damaged", "a list of absent leaders that does not parse");
        const auto numbers = bytes.subspan(4 + length);
        out.push_back({std::string(as_text(bytes.subspan(4, length))), base::read_u64(numbers),
                       base::read_u64(numbers.subspan(8))});
        bytes = numbers.subspan(16);
    }
    return out;
}

}  // namespace fairstream::ledger::order
