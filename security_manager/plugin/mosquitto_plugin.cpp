// The gate as a plugin of Mosquitto 2.0 (plugin API 5): plugin_opt_operator NAME, plugin_opt_socket PATH. A fault in
// here would kill the broker, so every pointer is checked and every exception ends as a closed gate.

#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>

#include "base/clock.hpp"
#include "security_manager/plugin/broker_gate.hpp"
#include "security_manager/plugin/mosquitto_api.hpp"

namespace {

namespace api = fairstream::security_manager::plugin::mosquitto_api;
using fairstream::ByteView;
using fairstream::base::wall_now;
using fairstream::security_manager::plugin::Access;
using fairstream::security_manager::plugin::BrokerGate;

constexpr int kApiVersion = 5;

void log_line(int level, const std::string& text) {
    mosquitto_log_printf(level, "fairstream: %s", text.c_str());
}

std::string_view text_of(const char* text) {
    return text == nullptr ? std::string_view() : std::string_view(text);
}
ByteView bytes_of(const void* data, std::size_t size) {
    return data == nullptr ? ByteView() : ByteView(static_cast<const std::uint8_t*>(data), size);
}
std::string_view client_id_of(const struct mosquitto* client) {
    return client == nullptr ? std::string_view() : text_of(mosquitto_client_id(client));
}

/// Runs `decide(gate, event)`; whatever it throws closes the gate and answers `on_fault`.
template <typename Event, typename Decide>
int guarded(void* userdata, void* event_data, int on_fault, Decide decide) noexcept {
    auto* gate = static_cast<BrokerGate*>(userdata);
    auto* event = static_cast<Event*>(event_data);
    if (gate == nullptr || event == nullptr) return on_fault;
    try {
        return decide(*gate, *event);
    } catch (const std::exception& e) {
        try {
            gate->shut(std::string("fault in the gate: ") + e.what());
        } catch (...) {
            mosquitto_log_printf(api::kError, "fairstream: the gate could not be closed");
        }
    } catch (...) {
        mosquitto_log_printf(api::kError, "fairstream: unknown fault in the gate");
    }
    return on_fault;
}

int on_tick(int, void* event_data, void* userdata) noexcept {
    return guarded<mosquitto_evt_tick>(userdata, event_data, api::kSuccess, [](BrokerGate& gate, auto&) {
        for (const auto& client : gate.tick(wall_now())) mosquitto_kick_client_by_clientid(client.c_str(), false);
        return api::kSuccess;
    });
}

int on_auth_start(int, void* event_data, void* userdata) noexcept {
    return guarded<mosquitto_evt_extended_auth>(userdata, event_data, api::kAuth, [](BrokerGate& gate, auto& event) {
        const bool admitted = gate.admit(event.client, client_id_of(event.client), text_of(event.auth_method),
                                         bytes_of(event.data_in, event.data_in_len), wall_now());
        return admitted ? api::kSuccess : api::kAuth;
    });
}

int on_auth_continue(int, void*, void*) noexcept {
    return api::kAuth;  // FS-POP is one step
}

int on_password(int, void* event_data, void* userdata) noexcept {
    return guarded<mosquitto_evt_basic_auth>(userdata, event_data, api::kAuth, [](BrokerGate& gate, auto& event) {
        const bool admitted =
            gate.admit_password(event.client, client_id_of(event.client), text_of(event.password), wall_now());
        return admitted ? api::kSuccess : api::kAuth;
    });
}

int on_access(int, void* event_data, void* userdata) noexcept {
    return guarded<mosquitto_evt_acl_check>(userdata, event_data, api::kAclDenied, [](BrokerGate& gate, auto& event) {
        Access access{};
        switch (event.access) {
            case MOSQ_ACL_READ:
                access = Access::kRead;
                break;
            case MOSQ_ACL_WRITE:
                access = Access::kWrite;
                break;
            case MOSQ_ACL_SUBSCRIBE:
                access = Access::kSubscribe;
                break;
            case MOSQ_ACL_UNSUBSCRIBE:
                access = Access::kUnsubscribe;
                break;
            default:
                return api::kAclDenied;
        }
        const bool allowed = gate.allows(event.client, client_id_of(event.client), access, text_of(event.topic),
                                         event.retain, bytes_of(event.payload, event.payloadlen), wall_now());
        return allowed ? api::kSuccess : api::kAclDenied;
    });
}

/// Replies go to the asker's own inbox only, so that nobody has frames sent to another; the message says so even if its
/// sender (MQTT 3.1.1) could not.
int on_message(int, void* event_data, void* userdata) noexcept {
    return guarded<mosquitto_evt_message>(
        userdata, event_data, api::kAclDenied, [](BrokerGate& gate, auto& event) -> int {
            char* named = nullptr;
            mosquitto_property_read_string(event.properties, api::kResponseTopic, &named, false);
            const std::unique_ptr<char, void (*)(void*)> owner(named, std::free);
            const auto reply =
                gate.reply_topic(event.client, client_id_of(event.client), text_of(event.topic), text_of(named));
            if (!reply) return api::kAclDenied;
            if (named == nullptr && !reply->empty())
                return mosquitto_property_add_string(&event.properties, api::kResponseTopic, reply->c_str());
            return api::kSuccess;
        });
}

int on_disconnect(int, void* event_data, void* userdata) noexcept {
    return guarded<mosquitto_evt_disconnect>(userdata, event_data, api::kSuccess, [](BrokerGate& gate, auto& event) {
        gate.disconnected(event.client);
        return api::kSuccess;
    });
}

struct Callback {
    int event;
    MOSQ_FUNC_generic_callback function;
};
constexpr Callback kCallbacks[] = {
    {MOSQ_EVT_TICK, on_tick},
    {MOSQ_EVT_EXT_AUTH_START, on_auth_start},
    {MOSQ_EVT_ACL_CHECK, on_access},
    {MOSQ_EVT_EXT_AUTH_CONTINUE, on_auth_continue},
    {MOSQ_EVT_MESSAGE, on_message},
    {MOSQ_EVT_BASIC_AUTH, on_password},
    {MOSQ_EVT_DISCONNECT, on_disconnect},
};

mosquitto_plugin_id_t* plugin_id = nullptr;

int start(mosquitto_plugin_id_t* identifier, void** userdata, const mosquitto_opt* options, int option_count) {
    std::string operator_name;
    std::string socket;
    for (int i = 0; i < option_count; ++i) {
        const auto key = text_of(options[i].key);
        if (key == "operator") operator_name = text_of(options[i].value);
        if (key == "socket") socket = text_of(options[i].value);
    }
    if (operator_name.empty() || socket.empty()) {
        log_line(api::kError, "plugin_opt_operator and plugin_opt_socket must be set");
        return api::kInvalid;
    }
    auto gate = std::make_unique<BrokerGate>(operator_name, socket,
                                             [](const std::string& text) { log_line(api::kNotice, text); });
    for (const auto& callback : kCallbacks) {
        const int rc = mosquitto_callback_register(identifier, callback.event, callback.function, nullptr, gate.get());
        if (rc != api::kSuccess) return rc;
    }
    plugin_id = identifier;
    *userdata = gate.release();
    return api::kSuccess;
}

}  // namespace

extern "C" {

int mosquitto_plugin_version(int supported_version_count, const int* supported_versions) {
    for (int i = 0; supported_versions != nullptr && i < supported_version_count; ++i)
        if (supported_versions[i] == kApiVersion) return kApiVersion;
    return -1;
}

int mosquitto_plugin_init(mosquitto_plugin_id_t* identifier, void** userdata, struct mosquitto_opt* options,
                          int option_count) {
    if (identifier == nullptr || userdata == nullptr || (options == nullptr && option_count > 0)) return api::kInvalid;
    try {
        return start(identifier, userdata, options, option_count);
    } catch (...) {
        return api::kUnknown;
    }
}

int mosquitto_plugin_cleanup(void* userdata, struct mosquitto_opt*, int) {
    if (plugin_id != nullptr)
        for (const auto& callback : kCallbacks)
            mosquitto_callback_unregister(plugin_id, callback.event, callback.function, nullptr);
    plugin_id = nullptr;
    delete static_cast<BrokerGate*>(userdata);
    return api::kSuccess;
}

}  // extern "C"
