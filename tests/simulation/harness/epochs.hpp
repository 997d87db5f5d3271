#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/simulation/harness/scheduler.hpp"
#include "tests/support/ordering/members.hpp"

namespace fairstream::tests::simulation {

using ordering::Seat;
using ordering::Seats;
using ordering::signer_of;

/// What is wrong with the members that are not honest; there are never more of them than the protocol bears.
enum class Fault {
    kMute,      // says nothing
    kTwins,     // two forgetful replicas use its key
    kHostile,   // attacks, see Hostile
    kMutant,    // an honest replica whose messages leave it slightly altered (ByzzFuzz)
    kOldDisk,   // gets an old image of log, guard and blocks back
    kOldLog,    // gets an old image of log and blocks back, but its guard stays: it must notice
    kBadClock,  // is a minute off
};
const char* name_of(Fault fault);
using Faults = std::map<std::size_t, Fault>;  // by member

/// One of the configs that a run goes through.
struct Epoch {
    Epoch(Seats listed, std::shared_ptr<const ledger::contract::Channel> in_force);

    const Seat* seat(std::size_t member) const;
    bool lists(const std::string& node) const { return signers_.contains(node); }
    /// Whether this is the signature of who is listed under this name, with the key that is listed.
    bool check(std::string_view node, ByteView body, ByteView signature) const;

    Seats seats;
    std::shared_ptr<const ledger::contract::Channel> channel;
    /// The ChannelConfig that stands in the block for it: epoch and nodes, with the signer's name for a certificate.
    /// Certificates differ in every process, and are not in question here.
    std::string config;

private:
    std::map<std::string, std::string, std::less<>> signers_;  // by name
};

/// The configs that the admins of a run want one after the other: members join, leave, take each other's place, come
/// back, get new keys. The first lists members 0 to `nodes` - 1. Every one bears those of its members that are in
/// `faults`, to which members that join and lie are added.
std::vector<Epoch> plan_epochs(std::size_t nodes, int changes, Faults& faults, Scheduler& chance);

}  // namespace fairstream::tests::simulation
