#pragma once

#include <boost/json/object.hpp>
#include <string_view>

#include "base/result.hpp"

namespace fairstream::identity::jose {

/// The JSON object in `text`, nested 16 deep at most, every member name once: two readers of one signed text must not
/// see two different objects. Error: bad_json.
Result<boost::json::object> parse_strict_object(std::string_view text);

}  // namespace fairstream::identity::jose
