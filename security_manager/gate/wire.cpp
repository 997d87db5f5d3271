#include "security_manager/gate/wire.hpp"

#include <algorithm>
#include <type_traits>

namespace fairstream::security_manager::gate::wire {

namespace {

enum class Kind : std::uint8_t {
    kDaemonHello = 1,
    kAnnounce = 2,
    kExtend = 3,
    kRevoke = 4,
    kServed = 5,
    kCovered = 6,
    kGateHello = 16,
    kAdmitted = 17,
    kClosed = 18,
    kMetered = 19,
    kHeldBack = 20,
};

/// Appends fields; what is too long for its field was not let through `check` and is cut.
class FieldWriter {
public:
    explicit FieldWriter(Kind kind) { bytes_.push_back(static_cast<std::uint8_t>(kind)); }
    void u8(std::uint8_t value) { bytes_.push_back(value); }
    void u32(std::uint32_t value) { base::append_u32(bytes_, value); }
    void u64(std::uint64_t value) { base::append_u64(bytes_, value); }
    void time(TimePoint t) { u64(base::to_us(t)); }
    void fixed(ByteView value) { append(bytes_, value); }
    void count(std::size_t n) { base::append_u16(bytes_, static_cast<std::uint16_t>(n)); }
    void text(std::string_view value) {
        const auto part = value.substr(0, Session::kMaxTextBytes);
        count(part.size());
        fixed(as_bytes(part));
    }
    Bytes frame() && {
        Bytes out;
        base::append_u32(out, static_cast<std::uint32_t>(bytes_.size()));
        append(out, bytes_);
        return out;
    }

private:
    Bytes bytes_;
};

/// Takes fields; after the first that is not there, everything reads as zero and `finish` fails.
class FieldReader {
public:
    explicit FieldReader(ByteView bytes) : rest_(bytes) {}
    ByteView take(std::size_t n) {
        if (n > rest_.size()) {
            broken_ = true;
            rest_ = {};
            return {};
        }
        const ByteView part = rest_.first(n);
        rest_ = rest_.subspan(n);
        return part;
    }
    std::uint8_t u8() {
        const auto b = take(1);
        return b.empty() ? 0 : b[0];
    }
    std::uint16_t u16() {
        const auto b = take(2);
        return b.empty() ? 0 : base::read_u16(b);
    }
    std::uint32_t u32() {
        const auto b = take(4);
        return b.empty() ? 0 : base::read_u32(b);
    }
    std::uint64_t u64() {
        const auto b = take(8);
        return b.empty() ? 0 : base::read_u64(b);
    }
    /// Beyond the year 200,000 it overflows the clock's arithmetic: refused.
    TimePoint time() {
        constexpr std::uint64_t kLatest = 1ull << 62;
        const std::uint64_t us = u64();
        if (us > kLatest) broken_ = true;
        return base::from_us(broken_ ? 0 : us);
    }
    template <std::size_t N>
    void fixed(std::array<std::uint8_t, N>& out) {
        const auto b = take(N);
        if (b.size() == N) std::copy(b.begin(), b.end(), out.begin());
    }
    std::string text() {
        const std::size_t size = u16();
        if (size > Session::kMaxTextBytes) broken_ = true;
        return broken_ ? std::string() : base::to_string(take(size));
    }
    void reject() { broken_ = true; }
    Status finish() const {
        if (broken_) return fail("bad_message", "a field is cut short or out of bounds");
        if (!rest_.empty()) return fail("bad_message", "bytes follow the last field");
        return {};
    }

private:
    ByteView rest_;
    bool broken_ = false;
};

void write_session(FieldWriter& out, const Session& session) {
    out.fixed(session.id);
    out.u8(static_cast<std::uint8_t>(session.kind));
    out.text(session.client_id);
    out.fixed(session.token_hash);
    out.text(session.nonce);
    out.u8(session.holder ? 1 : 0);
    if (session.holder) out.fixed(session.holder->compressed());
    out.count(session.streams.size());
    for (const auto& stream : session.streams) out.fixed(stream);
    out.u64(session.first);
    out.u64(session.last);
    out.u64(session.from_us);
    out.u64(session.until_us);
    out.u32(session.receipt_window);
    out.text(session.grant);
    out.text(session.purchase);
    out.text(session.operator_name);
    out.time(session.expires);
}

Result<Message> read_session(FieldReader& in) {
    Session session;
    in.fixed(session.id);
    const std::uint8_t kind = in.u8();
    if (kind < 1 || kind > static_cast<std::uint8_t>(SessionKind::kBearer)) in.reject();
    session.kind = static_cast<SessionKind>(kind);
    session.client_id = in.text();
    in.fixed(session.token_hash);
    session.nonce = in.text();
    identity::crypto::CompressedPoint holder{};
    const std::uint8_t has_holder = in.u8();
    if (has_holder > 1) in.reject();
    if (has_holder == 1) in.fixed(holder);
    const std::size_t streams = in.u16();
    if (streams > Session::kMaxStreams) in.reject();
    for (std::size_t i = 0; i < std::min(streams, Session::kMaxStreams); ++i) in.fixed(session.streams.emplace_back());
    session.first = in.u64();
    session.last = in.u64();
    session.from_us = in.u64();
    session.until_us = in.u64();
    session.receipt_window = in.u32();
    session.grant = in.text();
    session.purchase = in.text();
    session.operator_name = in.text();
    session.expires = in.time();
    FS_TRY(in.finish());
    if (has_holder == 1) {
        FS_ASSIGN(auto key, VerifyingKey::from_sec1(holder));
        session.holder = std::move(key);
    }
    FS_TRY(check(session));
    return Announce{std::move(session)};
}

template <typename M>
Result<Message> read_hello(FieldReader& in, M hello) {
    hello.version = in.u8();
    hello.operator_name = in.text();
    if constexpr (std::is_same_v<M, DaemonHello>) {
        hello.network = in.text();
        in.fixed(hello.operator_key);
        hello.bearer_allowed = in.u8() == 1;
    }
    FS_TRY(in.finish());
    return Message(std::move(hello));
}

template <typename M>
Result<Message> read_id(FieldReader& in, M message) {
    in.fixed(message.session);
    if constexpr (std::is_same_v<M, Extend>) {
        in.fixed(message.token_hash);
        message.nonce = in.text();
        message.expires = in.time();
    }
    if constexpr (std::is_same_v<M, Metered>) {
        message.first = in.u64();
        message.last = in.u64();
        if (message.first > message.last) in.reject();
    }
    if constexpr (std::is_same_v<M, HeldBack>) {
        const std::uint8_t why = in.u8();
        if (why < 1 || why > 2) in.reject();
        message.why = static_cast<HeldBack::Why>(why);
        message.sequence = in.u64();
    }
    FS_TRY(in.finish());
    return Message(std::move(message));
}

template <typename M>
Result<Message> read_ranges(FieldReader& in, M message) {
    message.meter = in.text();
    const std::size_t count = in.u16();
    if (count > kMaxRanges || message.meter.empty()) in.reject();
    for (std::size_t i = 0; i < std::min(count, kMaxRanges); ++i) {
        const std::uint64_t first = in.u64();
        const std::uint64_t last = in.u64();
        if (first > last) in.reject();
        message.ranges.push_back({first, last});
    }
    FS_TRY(in.finish());
    return Message(std::move(message));
}

FieldWriter write(const DaemonHello& m) {
    FieldWriter out(Kind::kDaemonHello);
    out.u8(m.version);
    out.text(m.operator_name);
    out.text(m.network);
    out.fixed(m.operator_key);
    out.u8(m.bearer_allowed ? 1 : 0);
    return out;
}
FieldWriter write(const Announce& m) {
    FieldWriter out(Kind::kAnnounce);
    write_session(out, m.session);
    return out;
}
FieldWriter write(const Extend& m) {
    FieldWriter out(Kind::kExtend);
    out.fixed(m.session);
    out.fixed(m.token_hash);
    out.text(m.nonce);
    out.time(m.expires);
    return out;
}
FieldWriter write(const GateHello& m) {
    FieldWriter out(Kind::kGateHello);
    out.u8(m.version);
    out.text(m.operator_name);
    return out;
}
FieldWriter write(const Metered& m) {
    FieldWriter out(Kind::kMetered);
    out.fixed(m.session);
    out.u64(m.first);
    out.u64(m.last);
    return out;
}
FieldWriter write_ranges(Kind kind, const std::string& meter, const std::vector<SequenceRange>& ranges) {
    FieldWriter out(kind);
    out.text(meter);
    const std::size_t count = std::min(ranges.size(), kMaxRanges);
    out.count(count);
    for (std::size_t i = 0; i < count; ++i) {
        out.u64(ranges[i].first);
        out.u64(ranges[i].last);
    }
    return out;
}
FieldWriter write(const Served& m) {
    return write_ranges(Kind::kServed, m.meter, m.ranges);
}
FieldWriter write(const Covered& m) {
    return write_ranges(Kind::kCovered, m.meter, m.ranges);
}
FieldWriter write(const HeldBack& m) {
    FieldWriter out(Kind::kHeldBack);
    out.fixed(m.session);
    out.u8(static_cast<std::uint8_t>(m.why));
    out.u64(m.sequence);
    return out;
}
FieldWriter write_id(Kind kind, const SessionId& id) {
    FieldWriter out(kind);
    out.fixed(id);
    return out;
}
FieldWriter write(const Revoke& m) {
    return write_id(Kind::kRevoke, m.session);
}
FieldWriter write(const Admitted& m) {
    return write_id(Kind::kAdmitted, m.session);
}
FieldWriter write(const Closed& m) {
    return write_id(Kind::kClosed, m.session);
}

}  // namespace

Bytes encode(const Message& message) {
    return std::visit([](const auto& m) { return write(m).frame(); }, message);
}

Result<Message> decode(ByteView frame) {
    FieldReader in(frame);
    switch (static_cast<Kind>(in.u8())) {
        case Kind::kDaemonHello:
            return read_hello(in, DaemonHello{});
        case Kind::kAnnounce:
            return read_session(in);
        case Kind::kExtend:
            return read_id(in, Extend{});
        case Kind::kRevoke:
            return read_id(in, Revoke{});
        case Kind::kGateHello:
            return read_hello(in, GateHello{});
        case Kind::kAdmitted:
            return read_id(in, Admitted{});
        case Kind::kClosed:
            return read_id(in, Closed{});
        case Kind::kMetered:
            return read_id(in, Metered{});
        case Kind::kServed:
            return read_ranges(in, Served{});
        case Kind::kCovered:
            return read_ranges(in, Covered{});
        case Kind::kHeldBack:
            return read_id(in, HeldBack{});
    }
    return fail("bad_message", "unknown kind of message");
}

Result<std::optional<Message>> Reader::next() {
    constexpr std::size_t kLength = 4;
    const ByteView waiting = ByteView(buffer_).subspan(consumed_);
    const auto discard = [this] {
        buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(consumed_));
        consumed_ = 0;
    };
    if (waiting.size() < kLength) {
        discard();
        return std::optional<Message>();
    }
    const std::size_t size = base::read_u32(waiting);
    if (size > kMaxMessageBytes) return fail("message_too_large", "a message has at most 16 KiB");
    if (waiting.size() < kLength + size) {
        discard();
        return std::optional<Message>();
    }
    FS_ASSIGN(auto message, decode(waiting.subspan(kLength, size)));
    consumed_ += kLength + size;
    return std::optional<Message>(std::move(message));
}

}  // namespace fairstream::security_manager::gate::wire
