/// YAML that people write or an earlier run left: any, and the configs and topologies of the programs.
#include "base/config.hpp"

#include "network/dapp_config.hpp"
#include "network/node_config.hpp"
#include "network/operator_config.hpp"
#include "network/topology.hpp"
#include "tests/fuzz/files.hpp"

using namespace fairstream;

namespace {

void any(std::string_view text) {
    auto config = base::Config::parse(text, "fuzz.yaml");
    if (!config) return;
    config->text("name");
    config->integer("port", 1, 65'535);
    config->flag_or("on", false);
    config->texts("tags", 8);
    for (auto& peer : config->sections("peers", 8)) peer.optional_text("address");
    static_cast<void>(config->finish());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    any(as_text({data, size}));
    const auto folder = tests::emptied_folder();
    const auto file = folder / "topology.yaml";
    tests::put(file, {data, size});
    static_cast<void>(network::Topology::load(folder));
    static_cast<void>(network::load_node_config(file));
    static_cast<void>(network::load_operator_config(file));
    static_cast<void>(network::load_dapp_config(file));
    return 0;
}
