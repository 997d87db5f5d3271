#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "identity/crypto/keys.hpp"
#include "identity/msp/certificate.hpp"
#include "ledger/contract/channel.hpp"

/// Changes of a channel's config, as administrators make them: proposed as a file, signed by one admin after the other,
/// submitted by anyone.
namespace fairstream::network {

struct ConfigChanges {
    struct Node {
        std::filesystem::path certificate;  // PEM; names node and organisation
        std::string peer_address;           // host:port; empty: as it was, or told elsewhere
        std::string gateway_address;
    };
    std::vector<std::filesystem::path> organisations;   // CA certificates (PEM): added, or in place of the old one
    std::map<std::string, std::string> custodian_keys;  // by organisation: SEC1 compressed, hex
    std::vector<Node> nodes;                            // added, or in place of the entry of that name
    std::vector<std::string> removed_nodes;
    std::vector<std::string> removed_organisations;  // with their nodes
    std::map<std::string, std::uint32_t> limits;     // by field name, as in ledger.proto
    std::optional<std::uint32_t> endorsing_organisations;
    std::optional<std::uint32_t> custody_threshold;

    bool empty() const;
};

/// The config of the next epoch. The custody threshold follows a changed number of organisations unless it is given.
/// Errors: not_found (what is to be removed is not there), unknown_limit, bad_certificate, and Channel::successor's.
Result<ledger::proto::ConfigUpdate> propose_change(const ledger::contract::Channel& now, const ConfigChanges& changes,
                                                   base::TimePoint at);

/// Adds the approval of the organisation that the admin belongs to; in place of an older one of it.
void approve_change(ledger::proto::ConfigUpdate& update, const std::string& channel,
                    const identity::msp::MemberCertificate& admin, const identity::crypto::SigningKey& key);

/// What differs between two configs, a line each.
std::vector<std::string> describe_change(const ledger::proto::ChannelConfig& before,
                                         const ledger::proto::ChannelConfig& after);

}  // namespace fairstream::network
