#pragma once

#include <functional>
#include <string>

#include "base/result.hpp"
#include "network/topology.hpp"

namespace fairstream::network {

/// What the consortium decides when a one-machine network is first started, by a majority of its admins
/// (governance.Approve): the treasury mints for the faucet, issuer1 is trusted, the operators are registered. Does
/// nothing where that decision has been executed before.
Status bootstrap(const Layout& layout, const std::function<void(const std::string&)>& progress);

}  // namespace fairstream::network
