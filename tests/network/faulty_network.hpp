#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

/// A network namespace of the test's own, whose loopback loses what the test says. Whatever the test starts lives in
/// it.
namespace fairstream::tests {

/// Classic BPF for `tc filter ... bpf bytecode`: which packets are lost. Answers "lost" with -1, "passes" with 0.
class LossProgram {
public:
    /// Every packet with this probability.
    static LossProgram random(double probability) {
        LossProgram out;
        constexpr std::uint32_t kRandom = 0xfffff000U + 56;  // SKF_AD_OFF + SKF_AD_RANDOM, linux/filter.h
        out.add(kLoadWord, kRandom);
        out.add(kJumpIfAbove, static_cast<std::uint32_t>(probability * 4294967295.0), 1, 0);
        out.add(kReturn, kLost);
        out.add(kReturn, kPasses);
        return out;
    }
    /// Every packet from a host of `cut` to the one it stands with. The other way is another pair.
    static LossProgram between(const std::vector<std::pair<std::string, std::string>>& cut) {
        LossProgram out;
        for (const auto& [from, to] : cut) {
            out.add(kLoadWord, kSourceHost);
            out.add(kJumpIfEqual, number(from), 0, 3);
            out.add(kLoadWord, kDestinationHost);
            out.add(kJumpIfEqual, number(to), 0, 1);
            out.add(kReturn, kLost);
        }
        out.add(kReturn, kPasses);
        return out;
    }

    /// What a host sends to one of `ports`: over connections that it has opened, not in answer over those of others.
    static LossProgram out_of(const std::vector<std::string>& hosts, const std::vector<std::uint16_t>& ports) {
        LossProgram out;
        for (const auto& host : hosts) {
            out.add(kLoadWord, kSourceHost);
            out.add(kJumpIfEqual, number(host), 0, ports.size() + 2);
            out.add(kLoadHalf, kDestinationPort);
            for (std::size_t i = 0; i < ports.size(); ++i)
                out.add(kJumpIfEqual, ports[i], ports.size() - 1 - i, i + 1 == ports.size() ? 1 : 0);
            out.add(kReturn, kLost);
        }
        out.add(kReturn, kPasses);
        return out;
    }

    std::string text() const { return std::to_string(count_) + instructions_; }

private:
    static constexpr std::uint32_t kLost = 0xffffffffU, kPasses = 0;
    static constexpr std::uint32_t kNetwork = 0xfff00000U;  // SKF_NET_OFF: the IPv4 header
    static constexpr std::uint32_t kSourceHost = kNetwork + 12, kDestinationHost = kNetwork + 16,
                                   kDestinationPort = kNetwork + 22;  // no IP options
    static constexpr int kLoadWord = 0x20, kLoadHalf = 0x28, kJumpIfEqual = 0x15, kJumpIfAbove = 0x25, kReturn = 0x06;

    static std::uint32_t number(const std::string& host) {
        in_addr address{};
        REQUIRE(::inet_pton(AF_INET, host.c_str(), &address) == 1);
        return ntohl(address.s_addr);
    }
    void add(int code, std::uint32_t value, std::size_t if_true = 0, std::size_t if_false = 0) {
        std::ostringstream text;
        text << ',' << code << ' ' << if_true << ' ' << if_false << ' ' << value;
        instructions_ += text.str();
        ++count_;
    }
    std::string instructions_;
    int count_ = 0;
};

/// Lost packets go to a pair of interfaces where nobody listens: needs neither netem nor nft. Make it before the test
/// starts a thread or a process; the test's own thread is back in the old namespace afterwards, and what was made here
/// vanishes with the last process in it.
class FaultyNetwork {
public:
    FaultyNetwork() : home_(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
        if (home_ < 0 || ::unshare(CLONE_NEWNET) != 0) {
            missing_ = "no network namespace (needs root)";
            return;
        }
        inside_ = true;
        if (!shell("ip link set lo up && ip link add lost type veth peer name nowhere && ip link set lost up && "
                   "ip link set nowhere up && tc qdisc add dev lo clsact")) {
            missing_ = "ip or tc is missing, or the kernel has no veth or clsact";
            return;
        }
        if (!replace(LossProgram::random(0))) missing_ = "the kernel has no BPF filter or no redirection";
        heal();
    }
    ~FaultyNetwork() {
        if (inside_) CHECK(::setns(home_, CLONE_NEWNET) == 0);
        if (home_ >= 0) ::close(home_);
    }
    FaultyNetwork(const FaultyNetwork&) = delete;
    FaultyNetwork& operator=(const FaultyNetwork&) = delete;

    /// Why there can be no faults here; empty if there can.
    const std::string& missing() const { return missing_; }

    void lose(const LossProgram& program) const { REQUIRE(replace(program)); }
    void heal() const { shell("tc filter del dev lo egress"); }

    /// Packets lost so far.
    std::uint64_t lost() const {
        std::ifstream devices("/proc/thread-self/net/dev");
        for (std::string line; std::getline(devices, line);) {
            std::istringstream words(line);
            std::string word;
            words >> word;
            if (word != "lost:") continue;
            for (int i = 0; i < 10; ++i) words >> word;  // 8 columns of reception, then bytes and packets sent
            return std::stoull(word);
        }
        return 0;
    }

private:
    static bool shell(const std::string& command) { return std::system(("(" + command + ") 2>&1").c_str()) == 0; }
    bool replace(const LossProgram& program) const {
        return shell("tc filter replace dev lo egress protocol ip prio 1 handle 1 bpf bytecode '" + program.text() +
                     "' action mirred egress redirect dev lost");
    }

    int home_;
    bool inside_ = false;
    std::string missing_;
};

}  // namespace fairstream::tests
