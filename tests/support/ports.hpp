#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <string>

namespace fairstream::tests {

/// A TCP port that is this process's until it ends, whether or not something listens there: for servers that are
/// stopped and started again. Below those that the kernel gives to outgoing connections; other tests, and networks that
/// `fairstream network up` starts meanwhile, keep off it by the same sign (network/topology.cpp).
inline std::uint16_t own_port() {
    static std::mt19937 random{std::random_device{}()};
    for (int attempt = 0; attempt < 1000; ++attempt) {
        const auto port = static_cast<std::uint16_t>(std::uniform_int_distribution(10'000, 32'000)(random));
        const auto name = "fairstream-port-" + std::to_string(port);
        sockaddr_un sign{};
        sign.sun_family = AF_UNIX;
        std::ranges::copy(name, sign.sun_path + 1);
        const int kept = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_ANY);
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const bool mine = ::bind(kept, reinterpret_cast<sockaddr*>(&sign), size) == 0 &&
                          ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
        ::close(fd);
        if (mine) return port;  // `kept` stays open
        ::close(kept);
    }
    throw std::runtime_error("no free port");
}

}  // namespace fairstream::tests
