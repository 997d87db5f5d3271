#pragma once

#include "base/result.hpp"
#include "network/topology.hpp"

namespace fairstream::network {

/// Makes what a network needs once, each organisation's in its own folder: CA, admin, custodian and node keys with
/// their certificates, operators' keys, the genesis file, the issuer of this one-machine network (keys/issuer1.key).
/// Errors: exists (a half-made folder is not repaired: remove it), io_error.
Status provision(const Layout& layout);

/// The DApp's folder, key and certificate, where it has none yet. Error besides: path_too_long.
Status provision_dapp(const Layout& layout);

/// Writes every process' config for the ports now assigned, and public/network.yaml for clients. Done at every `up`.
Status write_configs(const Layout& layout);

}  // namespace fairstream::network
