#include "ledger/proto/wire.hpp"

#include <algorithm>
#include <cctype>

#include "base/encoding.hpp"

namespace fairstream::ledger::proto {

std::string short_id(ByteView id) {
    return base::to_hex(id.first(std::min<std::size_t>(id.size(), 8)));
}

std::string code_of(ValidationCode code) {
    std::string name = ValidationCode_Name(code);
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return name;
}

}  // namespace fairstream::ledger::proto
