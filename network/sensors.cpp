#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/clock.hpp"
#include "network/demo.hpp"

namespace fairstream::network {

namespace fs = std::filesystem;
namespace json = boost::json;
using namespace std::chrono_literals;

namespace {

constexpr auto kSampleEvery = 250ms;

/// Collects one sample of everything this machine measures of itself.
class Sampler {
public:
    explicit Sampler(json::array& pack) : pack_(pack) {}

    void sample() {
        time_ = static_cast<double>(base::to_us(base::wall_now())) / 1e6;
        load();
        memory();
        processor_time();
        temperatures();
    }

private:
    void add(const std::string& name, const char* unit, double value) {
        json::object record{{"n", name}, {"t", time_}, {"v", value}};
        if (*unit != '\0') record["u"] = unit;
        pack_.push_back(std::move(record));
    }

    void load() {
        std::ifstream in("/proc/loadavg");
        if (double one = 0; in >> one) add("load-1min", "", one);
    }

    void memory() {
        std::ifstream in("/proc/meminfo");
        for (std::string line; std::getline(in, line);) {
            std::istringstream words(line);
            std::string name;
            double kib = 0;
            if (words >> name >> kib && name == "MemAvailable:") add("memory-available", "By", kib * 1024);
        }
    }

    void processor_time() {
        std::ifstream in("/proc/stat");
        std::string name;
        double user = 0, nice = 0, system = 0, idle = 0;
        if (in >> name >> user >> nice >> system >> idle) {
            add("cpu-busy-ticks", "count", user + nice + system);
            add("cpu-idle-ticks", "count", idle);
        }
    }

    void temperatures() {
        std::error_code none;
        for (const auto& zone : fs::directory_iterator("/sys/class/thermal", none)) {
            std::ifstream in(zone.path() / "temp");
            if (double millidegrees = 0; in >> millidegrees) add(zone.path().filename(), "Cel", millidegrees / 1000);
        }
    }

    json::array& pack_;
    double time_ = 0;
};

json::array new_pack() {
    return {json::object{{"bn", "urn:dev:host:demo:"}, {"bver", 10}}};
}

}  // namespace

std::string sensor_reading() {
    auto pack = new_pack();
    Sampler(pack).sample();
    return json::serialize(pack);
}

std::string sensor_readings(unsigned seconds, const std::function<void(unsigned)>& on_second) {
    auto pack = new_pack();
    Sampler sampler(pack);
    const auto start = base::steady_now();
    for (unsigned second = 0; second < seconds;) {
        sampler.sample();
        std::this_thread::sleep_for(kSampleEvery);
        const auto passed = static_cast<unsigned>((base::steady_now() - start) / 1s);
        if (passed != second) on_second(second = passed);
    }
    return json::serialize(pack) + "\n";
}

}  // namespace fairstream::network
