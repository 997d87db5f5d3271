#include "security_manager/plugin/broker_gate.hpp"

#include "security_manager/gate/connect_proof.hpp"
#include "security_manager/gate/topic.hpp"

namespace fairstream::security_manager::plugin {

namespace wire = gate::wire;

namespace {
constexpr std::chrono::milliseconds kReconnect{100};
}

BrokerGate::BrokerGate(std::string operator_name, std::string socket_path, Log log)
    : operator_name_(std::move(operator_name)), link_(std::move(socket_path)), log_(std::move(log)) {}

// ---- The daemon -----------------------------------------------------------------------------------------------------

void BrokerGate::shut(const std::string& why) {
    if (why != closed_for_) log_("gate closed: " + why);  // once, however often the daemon is tried again
    closed_for_ = why;
    link_.close();
    if (gate_) put_out(gate_->close());
    // Also who is connected without a session: nobody should be, but this is the place to be sure.
    for (const auto& [client, connection] : current_) to_disconnect_.insert(client);
}

void BrokerGate::put_out(std::vector<std::string> clients) {
    for (auto& client : clients) to_disconnect_.insert(std::move(client));
}

void BrokerGate::exchange(TimePoint now) {
    if (!link_.connected()) {
        if (now < next_connect_) return;
        next_connect_ = now + kReconnect;
        if (!link_.connect()) return;
        if (const auto sent = link_.send(wire::GateHello{wire::kVersion, operator_name_}); !sent)
            return shut(sent.error().message);
    }
    const auto messages = link_.receive();
    if (!messages) return shut(messages.error().message);
    for (const auto& message : *messages) {
        take(message, now);
        if (!link_.connected()) return;
    }
    if (const auto flushed = link_.flush(); !flushed) shut(flushed.error().message);
}

void BrokerGate::greet(const wire::DaemonHello& hello) {
    if (hello.version != wire::kVersion) return shut("the daemon speaks another version of this protocol");
    if (hello.operator_name != operator_name_)
        return shut("the daemon is of operator " + hello.operator_name + ", this broker of " + operator_name_);
    auto key = gate::VerifyingKey::from_sec1(hello.operator_key);
    if (!key) return shut(key.error().message);
    gate::SessionGate::Limits limits;
    limits.bearer_allowed = hello.bearer_allowed;
    // The gate before, if any, was closed when its link was lost: its used nonces are remembered across the daemons.
    if (gate_)
        gate_->reopen(hello.network, *key, limits);
    else
        gate_.emplace(operator_name_, hello.network, *key, limits);
    closed_for_.clear();
    log_("gate open for operator " + operator_name_);
}

void BrokerGate::take(const wire::Message& message, TimePoint now) {
    if (const auto* hello = std::get_if<wire::DaemonHello>(&message)) return greet(*hello);
    if (!gate_) return shut("the daemon did not greet first");
    Status done;
    if (const auto* announce = std::get_if<wire::Announce>(&message))
        done = gate_->announce(announce->session, now);
    else if (const auto* extend = std::get_if<wire::Extend>(&message))
        done = gate_->extend(extend->session, extend->token_hash, extend->nonce, extend->expires);
    else if (const auto* served = std::get_if<wire::Served>(&message))
        gate_->note_served(served->meter, served->ranges, now);
    else if (const auto* covered = std::get_if<wire::Covered>(&message))
        gate_->note_covered(covered->meter, covered->ranges, now);
    else if (const auto* revoke = std::get_if<wire::Revoke>(&message)) {
        if (auto client = gate_->revoke(revoke->session)) to_disconnect_.insert(std::move(*client));
    } else
        return shut("the daemon sent what only a gate sends");
    if (!done) log_("the daemon's session was refused: " + done.error().message);
}

void BrokerGate::tell_daemon() {
    using Why = wire::HeldBack::Why;
    for (const auto& metered : gate_->take_metered())
        if (link_.connected() && !link_.send(wire::Metered{metered.session, metered.range.first, metered.range.last}))
            shut("the daemon does not take the accounts");
    for (const auto& held : gate_->take_held_back()) {
        const Why why = held.window_over ? Why::kWindowOver : Why::kReceiptWanted;
        if (link_.connected() && !link_.send(wire::HeldBack{held.session, why, held.sequence}))
            shut("the daemon does not take the accounts");
    }
}

std::vector<std::string> BrokerGate::tick(TimePoint now) {
    exchange(now);
    if (gate_) {
        put_out(gate_->expire(now));
        tell_daemon();
    }
    std::vector<std::string> out;
    for (const auto& client : to_disconnect_)
        if (current_.contains(client)) out.push_back(client);
    to_disconnect_.clear();
    return out;
}

// ---- The broker -----------------------------------------------------------------------------------------------------

void BrokerGate::refused(std::string_view client_id, const Error& why) {
    log_("refused client " + std::string(client_id.substr(0, gate::Session::kMaxTextBytes)) + ": " + why.code);
}

void BrokerGate::admitted(Connection connection, std::string_view client_id, const gate::SessionId& session) {
    current_[std::string(client_id)] = connection;
    clients_[connection] = std::string(client_id);
    to_disconnect_.erase(std::string(client_id));
    if (const auto sent = link_.send(wire::Admitted{session}); !sent) shut(sent.error().message);
}

bool BrokerGate::admit(Connection connection, std::string_view client_id, std::string_view method, ByteView data,
                       TimePoint now) {
    exchange(now);
    if (!link_.connected() || !gate_ || method != gate::kAuthMethod) return false;
    const auto session = gate_->admit(client_id, data, now);
    if (session)
        admitted(connection, client_id, *session);
    else
        refused(client_id, session.error());
    return session && link_.connected();
}

bool BrokerGate::admit_password(Connection connection, std::string_view client_id, std::string_view password,
                                TimePoint now) {
    exchange(now);
    if (!link_.connected() || !gate_) return false;
    const auto session = gate_->admit_bearer(client_id, password, now);
    if (session)
        admitted(connection, client_id, *session);
    else
        refused(client_id, session.error());
    return session && link_.connected();
}

bool BrokerGate::is_current(Connection connection, std::string_view client_id) const {
    const auto found = current_.find(client_id);
    return found != current_.end() && found->second == connection;
}

bool BrokerGate::allows(Connection connection, std::string_view client_id, Access access, std::string_view topic,
                        bool retain, ByteView payload, TimePoint now) {
    if (!link_.connected() || !gate_ || !is_current(connection, client_id)) return false;
    switch (access) {
        case Access::kRead:
            return gate_->can_deliver(client_id, topic, payload, now);
        case Access::kWrite:
            return gate_->can_publish(client_id, topic, retain, now);
        case Access::kSubscribe:
            return gate_->can_subscribe(client_id, topic, now);
        case Access::kUnsubscribe:
            return true;
    }
    return false;
}

std::optional<std::string> BrokerGate::reply_topic(Connection connection, std::string_view client_id,
                                                   std::string_view topic, std::string_view asked) {
    if (!gate_ || !is_current(connection, client_id)) return std::nullopt;
    const gate::Session* session = gate_->session_of(client_id);
    if (session == nullptr) return std::nullopt;
    if (!asked.empty())
        return gate_->may_name_reply_topic(client_id, asked) ? std::optional<std::string>(asked) : std::nullopt;
    const auto parsed = gate::parse_topic(topic);
    const bool answered =
        parsed && (parsed->kind == gate::TopicKind::kFetch || parsed->kind == gate::TopicKind::kOperator);
    return answered && session->kind != gate::SessionKind::kDaemon ? gate::inbox_topic(session->id) : std::string();
}

void BrokerGate::disconnected(Connection connection) {
    const auto client = clients_.find(connection);
    if (client == clients_.end()) return;
    if (is_current(connection, client->second)) {
        current_.erase(client->second);
        if (gate_) {
            const gate::Session* session = gate_->session_of(client->second);
            if (session != nullptr && link_.connected() && !link_.send(wire::Closed{session->id}))
                shut("the daemon does not read");
            gate_->disconnected(client->second);
        }
    }
    clients_.erase(client);
}

}  // namespace fairstream::security_manager::plugin
