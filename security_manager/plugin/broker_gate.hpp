#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "security_manager/gate/session_gate.hpp"
#include "security_manager/plugin/daemon_link.hpp"

namespace fairstream::security_manager::plugin {

enum class Access { kRead, kWrite, kSubscribe, kUnsubscribe };

/// One broker's gate: the session rules, fed by the daemon. Knows nothing of Mosquitto but that it names a connection
/// by a pointer: when a client takes its own connection over, two connections have one client id for a moment, and only
/// the one admitted last counts.
///
/// Without a daemon, or before it has said whose it is, everything is refused and who was connected is put out.
class BrokerGate {
public:
    using Connection = const void*;
    using Log = std::function<void(const std::string&)>;

    BrokerGate(std::string operator_name, std::string socket_path, Log log);

    /// Once per turn of the broker's loop. Returns the client ids to disconnect now.
    std::vector<std::string> tick(TimePoint now);

    bool admit(Connection connection, std::string_view client_id, std::string_view method, ByteView data,
               TimePoint now);
    bool admit_password(Connection connection, std::string_view client_id, std::string_view password, TimePoint now);
    bool allows(Connection connection, std::string_view client_id, Access access, std::string_view topic, bool retain,
                ByteView payload, TimePoint now);
    /// Where replies to a message that asks for them go: the client's own inbox, if the message names none. Nothing:
    /// the message is refused.
    std::optional<std::string> reply_topic(Connection connection, std::string_view client_id, std::string_view topic,
                                           std::string_view asked);
    void disconnected(Connection connection);
    /// Something broke in here: refuse everything from now on, until the daemon is connected anew.
    void shut(const std::string& why);

private:
    void exchange(TimePoint now);
    void take(const gate::wire::Message& message, TimePoint now);
    void greet(const gate::wire::DaemonHello& hello);
    void tell_daemon();
    void put_out(std::vector<std::string> clients);
    void admitted(Connection connection, std::string_view client_id, const gate::SessionId& session);
    void refused(std::string_view client_id, const Error& why);
    bool is_current(Connection connection, std::string_view client_id) const;

    const std::string operator_name_;
    DaemonLink link_;
    Log log_;
    std::optional<gate::SessionGate> gate_;  // none before the daemon has greeted
    std::map<std::string, Connection, std::less<>> current_;
    std::unordered_map<Connection, std::string> clients_;
    std::set<std::string> to_disconnect_;
    TimePoint next_connect_{};
    std::string closed_for_;  // why, as last logged
};

}  // namespace fairstream::security_manager::plugin
