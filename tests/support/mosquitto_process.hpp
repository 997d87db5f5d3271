#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>

#include "tests/support/eventually.hpp"
#include "tests/support/ports.hpp"

namespace fairstream::tests {

/// A real Mosquitto with a gate in it, on a free port of the loopback, for as long as this lives:
///
///     TemporaryFolder folder;
///     MosquittoProcess broker({folder.path(), FS_BINARY_DIR "/bin/libfairstream_gate.so", "op1", folder /
///     "gate.sock"}); connect_to("tcp://127.0.0.1:" + std::to_string(broker.port()));
class MosquittoProcess {
public:
    struct Options {
        std::filesystem::path folder;  // for its config and log
        std::filesystem::path plugin;
        std::string operator_name;
        std::filesystem::path socket;  // of the daemon
        std::string certificate;       // PEM; empty: plain TCP
        std::string private_key;
        std::function<std::string(std::uint16_t port)> config_text = {};  // instead of the config this class writes
    };

    /// Starts it and waits until it accepts connections. Throws if it does not.
    explicit MosquittoProcess(const Options& options) : log_(options.folder / "mosquitto.log"), port_(own_port()) {
        const auto config = options.folder / "mosquitto.conf";
        write(config, options.config_text ? options.config_text(port_) : config_text(options));
        start(config);
        if (!eventually([this] { return exited() || accepts(port_); })) stop();
        if (pid_ <= 0) throw std::runtime_error("mosquitto did not start: " + log());
    }
    ~MosquittoProcess() { stop(); }
    MosquittoProcess(const MosquittoProcess&) = delete;
    MosquittoProcess& operator=(const MosquittoProcess&) = delete;

    std::uint16_t port() const { return port_; }
    bool running() { return !exited(); }
    std::string log() const {
        std::ifstream in(log_);
        std::ostringstream text;
        text << in.rdbuf();
        return text.str();
    }
    /// It reads its certificates again.
    void hang_up() const { ::kill(pid_, SIGHUP); }
    /// It stands still, and goes on.
    void freeze() const { ::kill(pid_, SIGSTOP); }
    void thaw() const { ::kill(pid_, SIGCONT); }
    void stop() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        pid_ = 0;
    }

private:
    static void write(const std::filesystem::path& file, const std::string& text) { std::ofstream(file) << text; }

    std::string config_text(const Options& options) const {
        std::ostringstream out;
        out << "per_listener_settings false\nallow_anonymous false\nallow_zero_length_clientid false\n"
            << "persistence false\nlog_dest file " << log_.string() << "\nlog_type all\n"
            << "max_inflight_messages 100\nlistener " << port_ << " 127.0.0.1\n";
        // As root it would drop to user mosquitto, who may not read a 0700 folder.
        if (::geteuid() == 0) out << "user root\n";
        if (!options.certificate.empty()) {
            write(options.folder / "broker.pem", options.certificate);
            write(options.folder / "broker.key", options.private_key);
            out << "certfile " << (options.folder / "broker.pem").string() << "\nkeyfile "
                << (options.folder / "broker.key").string() << "\n";
        }
        out << "plugin " << options.plugin.string() << "\nplugin_opt_operator " << options.operator_name
            << "\nplugin_opt_socket " << options.socket.string() << "\n";
        return out.str();
    }

    void start(const std::filesystem::path& config) {
        const std::string path = config.string();
        const pid_t parent = ::getpid();
        pid_ = ::fork();
        if (pid_ < 0) throw std::runtime_error("cannot fork");
        if (pid_ > 0) return;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) ::_exit(127);
        const int null = ::open("/dev/null", O_RDWR);
        for (const int fd : {0, 1, 2}) ::dup2(null, fd);
        ::close_range(3, ~0U, 0);  // sockets of this process must not live on in the broker
        ::execl("/usr/sbin/mosquitto", "mosquitto", "-c", path.c_str(), nullptr);
        ::_exit(127);
    }

    bool exited() {
        if (pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = 0;
        return pid_ <= 0;
    }

    static sockaddr_in loopback(std::uint16_t port) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(port);
        return address;
    }
    static bool accepts(std::uint16_t port) {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const auto address = loopback(port);
        const bool good = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
        ::close(fd);
        return good;
    }

    std::filesystem::path log_;
    std::uint16_t port_;
    pid_t pid_ = 0;
};

}  // namespace fairstream::tests
