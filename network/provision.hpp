#pragma once

#include "base/result.hpp"
#include "network/topology.hpp"

namespace fairstream::network {

/// Makes what a network needs once, each organisation's in its own folder: CA, admin, custodian and node keys with
/// their certificates, operators' keys, the genesis file, the issuer of this one-machine network (keys/issuer1.key).
/// Errors: exists (a half-made folder is not repaired: remove it), io_error.
Status provision(const Layout& layout);

/// Key and certificate of a node that joins later, and its organisation's CA, admin and custodian if that is new.
Status provision_node(const Layout& layout, const NodePlace& node);
/// Another certificate for the key that the node has. Errors: those of the CA and of reading keys.
Status renew_node_certificate(const Layout& layout, const NodePlace& node);
/// The same for an operator or the DApp, whose tls.key lies in `folder`.
Status renew_tls_certificate(const Layout& layout, const std::string& organisation, const std::string& name,
                             const std::filesystem::path& folder);

/// custodian-1.key, custodian-2.key, ... of an organisation: what its custodian holds besides custodian.key.
std::vector<std::filesystem::path> other_custodian_keys(const std::filesystem::path& organisation_folder);

/// The DApp's folder, key and certificate, where it has none yet. Error besides: path_too_long.
Status provision_dapp(const Layout& layout);

/// Writes every process' config for the ports now assigned, and public/network.yaml for clients. Done at every `up`.
Status write_configs(const Layout& layout);

}  // namespace fairstream::network
