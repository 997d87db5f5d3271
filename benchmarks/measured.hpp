#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <string>

#include "base/result.hpp"

namespace fairstream::benchmarks {

/// What a benchmark found: its figures for programs (the members of the JSON file, beside `machine` and `command`) and
/// for people.
struct Measured {
    boost::json::object json;
    std::string table;
};

/// One line on standard error as a benchmark goes on; long ones say how far they are.
using Progress = std::function<void(const std::string& line)>;

}  // namespace fairstream::benchmarks
