#include "benchmarks/machine.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <thread>

namespace fairstream::benchmarks {

namespace {

std::string processor() {
    std::ifstream in("/proc/cpuinfo");
    for (std::string line; std::getline(in, line);) {
        const auto colon = line.find(": ");
        if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
    }
    return "unknown";
}

}  // namespace

boost::json::object machine() {
    utsname system{};
    ::uname(&system);
    double load[1] = {0};
    ::getloadavg(load, 1);
    const auto memory = static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
    return {{"processor", processor()},
            {"architecture", system.machine},
            {"cores", std::thread::hardware_concurrency()},
            {"memory_gib", memory / (1u << 30)},
            {"kernel", std::string(system.sysname) + " " + system.release},
            {"compiler", "g++ " __VERSION__},
            {"build", FS_BUILD_TYPE},
            {"load_before", load[0]}};
}

std::string machine_text(const boost::json::object& machine) {
    return fmt::format("{}, {} cores, {:.1f} GiB, {}, {}, {}; load average before: {:.2f}",
                       machine.at("processor").as_string().c_str(), machine.at("cores").to_number<int>(),
                       machine.at("memory_gib").as_double(), machine.at("kernel").as_string().c_str(),
                       machine.at("compiler").as_string().c_str(), machine.at("build").as_string().c_str(),
                       machine.at("load_before").as_double());
}

}  // namespace fairstream::benchmarks
