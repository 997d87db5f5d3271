#pragma once

#include <boost/json/object.hpp>
#include <string>

namespace fairstream::benchmarks {

/// What a figure stands on: processor, cores, memory, kernel, compiler, the build's kind, and how busy the machine was
/// (load average over a minute) when this was called.
boost::json::object machine();
/// The same on one line.
std::string machine_text(const boost::json::object& machine);

}  // namespace fairstream::benchmarks
