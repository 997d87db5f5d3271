#pragma once

#include <filesystem>
#include <memory>

#include "base/file.hpp"
#include "marketplace_dapp/client/subscription.hpp"

/// Where a subscription's readings are written, one a line, as they are or as lines of JSON.
namespace fairstream::marketplace_dapp::cli {

/// {"event":"reading","sequence":7,"time":"...","reading":"..."}; what is no UTF-8 stands under "base64" instead.
std::string to_json_line(const client::Reading& reading);

/// A file: a run that was killed repeats nothing in it, and leaves out nothing. Error: io_error.
Result<std::unique_ptr<client::ReadingSink>> file_sink(const std::filesystem::path& file, bool json);

/// Standard output. What a killed run has written but not noted comes again in the next.
std::unique_ptr<client::ReadingSink> output_sink(bool json);

}  // namespace fairstream::marketplace_dapp::cli
