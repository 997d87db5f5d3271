#pragma once

#include <string>
#include <string_view>

namespace fairstream::base {

/// A field that every line logged by this thread carries while it lives: "transaction", "trace". As text it stands
/// behind the message (transaction=ab12...), as JSON (FAIRSTREAM_LOG_FORMAT=json) it is a member of its own. An empty
/// value is left out. Fields end in the reverse order of their beginning.
class LogField {
public:
    LogField(std::string_view name, std::string value);
    ~LogField();
    LogField(const LogField&) = delete;
    LogField& operator=(const LogField&) = delete;
};

}  // namespace fairstream::base
