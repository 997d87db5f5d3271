#pragma once

#include <filesystem>
#include <string>

#include "base/result.hpp"

namespace fairstream::network {

/// Another certificate for the key of a storage operator or the DApp of the network in `dir`. The program takes it
/// within seconds; an operator's broker is told to read it (SIGHUP), and lets its clients go, which come again.
/// Errors: not_found, and those of the CA and of reading keys.
Status renew_service(const std::filesystem::path& dir, const std::string& name);

}  // namespace fairstream::network
