#include "network/config_change.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/encoding.hpp"
#include "base/file.hpp"
#include "identity/msp/organisation_ca.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::network {

namespace fs = std::filesystem;
namespace proto = ledger::proto;
using identity::msp::MemberCertificate;

namespace {

constexpr std::size_t kMaxPemBytes = 2 * identity::msp::kMaxCertificateBytes;

template <typename Items>
auto find_named(Items& items, const std::string& name) {
    return std::find_if(items.begin(), items.end(), [&](const auto& item) { return item.name() == name; });
}

template <typename Items>
Status remove_named(Items& items, const std::string& name, const char* kind) {
    const auto found = find_named(items, name);
    if (found == items.end()) return fail("not_found", fmt::format("the config has no {} {}", kind, name));
    items.erase(found);
    return {};
}

Status put_organisation(proto::ChannelConfig& config, const fs::path& ca_file) {
    FS_ASSIGN(const auto pem, base::read_file(ca_file, kMaxPemBytes));
    FS_ASSIGN(const auto ca, identity::msp::ca_from_pem(as_text(pem)));
    auto& organisations = *config.mutable_organisations();
    auto found = find_named(organisations, ca.organisation);
    auto& entry = found == organisations.end() ? *config.add_organisations() : *found;
    entry.set_name(ca.organisation);
    entry.set_ca_certificate(proto::as_field(ca.der));
    return {};
}

Status put_node(proto::ChannelConfig& config, const ConfigChanges::Node& node) {
    FS_ASSIGN(const auto pem, base::read_file(node.certificate, kMaxPemBytes));
    FS_ASSIGN(const auto certificate, MemberCertificate::from_pem(as_text(pem)));
    auto& nodes = *config.mutable_nodes();
    auto found = find_named(nodes, certificate.name);
    auto& entry = found == nodes.end() ? *config.add_nodes() : *found;
    entry.set_name(certificate.name);
    entry.set_organisation(certificate.org);
    entry.set_certificate(proto::as_field(certificate.der));
    if (!node.peer_address.empty()) entry.set_peer_address(node.peer_address);
    if (!node.gateway_address.empty()) entry.set_gateway_address(node.gateway_address);
    return {};
}

Status put_custodian_key(proto::ChannelConfig& config, const std::string& organisation, const std::string& hex) {
    auto& organisations = *config.mutable_organisations();
    const auto found = find_named(organisations, organisation);
    if (found == organisations.end()) return fail("not_found", "the config has no organisation " + organisation);
    FS_ASSIGN(const auto key, base::from_hex(hex));
    found->set_custodian_key(proto::as_field(key));
    return {};
}

Status put_limit(proto::Limits& limits, const std::string& name, std::uint32_t value) {
    const auto* const field = proto::Limits::descriptor()->FindFieldByName(name);
    if (field == nullptr || field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_UINT32) {
        std::string known;
        for (int i = 0; i < proto::Limits::descriptor()->field_count(); ++i)
            known += (i == 0 ? "" : ", ") + proto::Limits::descriptor()->field(i)->name();
        return fail("unknown_limit", fmt::format("no limit '{}'; there are {}", name, known));
    }
    limits.GetReflection()->SetUInt32(&limits, field, value);
    return {};
}

Status remove_organisation(proto::ChannelConfig& config, const std::string& name) {
    FS_TRY(remove_named(*config.mutable_organisations(), name, "organisation"));
    auto& nodes = *config.mutable_nodes();
    nodes.erase(
        std::remove_if(nodes.begin(), nodes.end(), [&](const auto& node) { return node.organisation() == name; }),
        nodes.end());
    return {};
}

Status apply(proto::ChannelConfig& config, const ConfigChanges& changes) {
    const int organisations = config.organisations_size();
    for (const auto& file : changes.organisations) FS_TRY(put_organisation(config, file));
    for (const auto& [organisation, key] : changes.custodian_keys) FS_TRY(put_custodian_key(config, organisation, key));
    for (const auto& name : changes.removed_nodes) FS_TRY(remove_named(*config.mutable_nodes(), name, "node"));
    for (const auto& name : changes.removed_organisations) FS_TRY(remove_organisation(config, name));
    for (const auto& node : changes.nodes) FS_TRY(put_node(config, node));
    for (const auto& [name, value] : changes.limits) FS_TRY(put_limit(*config.mutable_limits(), name, value));
    if (changes.endorsing_organisations) config.set_endorsing_organisations(*changes.endorsing_organisations);
    if (changes.custody_threshold)
        config.set_custody_threshold(*changes.custody_threshold);
    else if (config.organisations_size() != organisations)
        config.set_custody_threshold(static_cast<std::uint32_t>(config.organisations_size()) / 2 + 1);
    return {};
}

template <typename Items>
void describe_named(const Items& before, const Items& after, const std::string& kind, std::vector<std::string>& out) {
    for (const auto& old : before) {
        const auto now = find_named(after, old.name());
        if (now == after.end())
            out.push_back(fmt::format("- {} {}", kind, old.name()));
        else if (now->SerializeAsString() != old.SerializeAsString())
            out.push_back(fmt::format("~ {} {}", kind, old.name()));
    }
    for (const auto& now : after)
        if (find_named(before, now.name()) == before.end()) out.push_back(fmt::format("+ {} {}", kind, now.name()));
}

void describe_numbers(const google::protobuf::Message& before, const google::protobuf::Message& after,
                      std::vector<std::string>& out) {
    const auto* const type = before.GetDescriptor();
    for (int i = 0; i < type->field_count(); ++i) {
        const auto* const field = type->field(i);
        if (field->is_repeated() || field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_UINT32) continue;
        const auto old = before.GetReflection()->GetUInt32(before, field);
        const auto now = after.GetReflection()->GetUInt32(after, field);
        if (old != now) out.push_back(fmt::format("~ {}: {} -> {}", field->name(), old, now));
    }
}

}  // namespace

bool ConfigChanges::empty() const {
    return organisations.empty() && custodian_keys.empty() && nodes.empty() && removed_nodes.empty() &&
           removed_organisations.empty() && limits.empty() && !endorsing_organisations && !custody_threshold;
}

Result<proto::ConfigUpdate> propose_change(const ledger::contract::Channel& now, const ConfigChanges& changes,
                                           base::TimePoint at) {
    auto config = now.config();
    FS_TRY(apply(config, changes));
    config.set_epoch(now.epoch() + 1);
    config.set_created_at_us(std::max(base::to_us(at), now.config().created_at_us() + 1));
    proto::ConfigUpdate update;
    config.SerializeToString(update.mutable_config());
    FS_TRY(now.successor(as_bytes(update.config())));
    return update;
}

void approve_change(proto::ConfigUpdate& update, const std::string& channel, const MemberCertificate& admin,
                    const identity::crypto::SigningKey& key) {
    auto& approvals = *update.mutable_approvals();
    const auto of_same_organisation = [&](const proto::ConfigApproval& approval) {
        const auto other = MemberCertificate::from_der(as_bytes(approval.certificate()));
        return other && other->org == admin.org;
    };
    approvals.erase(std::remove_if(approvals.begin(), approvals.end(), of_same_organisation), approvals.end());
    auto& approval = *update.add_approvals();
    approval.set_certificate(proto::as_field(admin.der));
    approval.set_signature(
        proto::as_field(key.sign(identity::crypto::signing_input("config/v1", channel, as_bytes(update.config())))));
}

std::vector<std::string> describe_change(const proto::ChannelConfig& before, const proto::ChannelConfig& after) {
    std::vector<std::string> out;
    describe_named(before.organisations(), after.organisations(), "organisation", out);
    describe_named(before.nodes(), after.nodes(), "node", out);
    describe_numbers(before, after, out);
    describe_numbers(before.limits(), after.limits(), out);
    return out;
}

}  // namespace fairstream::network
