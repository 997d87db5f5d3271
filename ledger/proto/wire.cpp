#include "ledger/proto/wire.hpp"

#include "base/encoding.hpp"

namespace fairstream::ledger::proto {

std::string short_id(ByteView id) {
    return base::to_hex(id.first(std::min<std::size_t>(id.size(), 8)));
}

}  // namespace fairstream::ledger::proto
