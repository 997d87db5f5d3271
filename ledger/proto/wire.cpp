#include "ledger/proto/wire.hpp"

#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <cctype>

#include "base/encoding.hpp"

namespace fairstream::ledger::proto {

namespace {
/// What does not parse is an Error for the caller. The library would also write a line for each one that a hostile peer
/// sends.
[[maybe_unused]] const auto kOwnHandler = google::protobuf::SetLogHandler(nullptr);
}  // namespace

std::string short_id(ByteView id) {
    return base::to_hex(id.first(std::min<std::size_t>(id.size(), 8)));
}

std::string code_of(ValidationCode code) {
    std::string name = ValidationCode_Name(code);
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return name;
}

}  // namespace fairstream::ledger::proto
