#pragma once

#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>

/// The part of the broker's interface that its plugin package (mosquitto-dev) leaves to the client library's: the codes
/// of mosquitto.h and two functions that the broker itself exports. Stable through Mosquitto 2.0.
extern "C" {
const mosquitto_property* mosquitto_property_read_string(const mosquitto_property* properties, int identifier,
                                                         char** value, bool skip_first);
int mosquitto_property_add_string(mosquitto_property** properties, int identifier, const char* value);
}

namespace fairstream::security_manager::plugin::mosquitto_api {

enum Code : int { kSuccess = 0, kInvalid = 3, kAuth = 11, kAclDenied = 12, kUnknown = 13 };
enum LogLevel : int { kNotice = 2, kError = 8 };
inline constexpr int kResponseTopic = 8;  // MQTT 5, section 2.2.2.2

}  // namespace fairstream::security_manager::plugin::mosquitto_api
