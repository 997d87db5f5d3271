#include "base/config.hpp"

#include "base/bytes.hpp"

using namespace fairstream;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto config = base::Config::parse(as_text({data, size}), "fuzz.yaml");
    if (!config) return 0;
    config->text("name");
    config->integer("port", 1, 65'535);
    config->flag_or("on", false);
    config->texts("tags", 8);
    for (auto& peer : config->sections("peers", 8)) peer.optional_text("address");
    static_cast<void>(config->finish());
    return 0;
}
