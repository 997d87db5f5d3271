#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "base/file.hpp"
#include "network/postgres.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/temporary_folder.hpp"

namespace fairstream::tests {

/// A PostgreSQL of this test's own, that can be killed and started again.
class PrivatePostgres {
public:
    PrivatePostgres() : place_{.data = folder_ / "data", .socket_folder = folder_.path(), .log = folder_ / "log.txt"} {
        const auto programs = network::find_postgres();
        REQUIRE(programs);
        programs_ = *programs;
        REQUIRE(network::make_database(place_, programs_));
        start();
    }
    ~PrivatePostgres() { network::stop_all(children_, std::chrono::seconds(5)); }

    /// Returns once it listens. What is left of a killed one, children that have not heard of its death yet, hold its
    /// shared memory, and a new one ends at once: then it is started again.
    void start() {
        REQUIRE(eventually([this] {
            network::reap(children_);
            if (children_.empty() || children_.front().pid <= 0) {
                children_ = {network::postgres_child(place_, programs_, "postgres")};
                REQUIRE(network::start(children_.front()));
            }
            return listens();
        }));
    }
    void kill() {
        ::kill(children_.front().pid, SIGKILL);
        network::stop_all(children_, std::chrono::seconds(5));
    }
    std::string connection() const { return network::connection_string(place_); }

private:
    bool listens() const {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::ranges::copy((folder_ / ".s.PGSQL.5432").string(), address.sun_path);
        const base::FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        return ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    }

    TemporaryFolder folder_;
    network::PostgresPlace place_;
    std::filesystem::path programs_;
    std::vector<network::Child> children_;
};

}  // namespace fairstream::tests
