#pragma once

#include <catch2/catch.hpp>

#include "network/postgres.hpp"
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

    void start() {
        children_ = {network::postgres_child(place_, programs_, "postgres")};
        REQUIRE(network::start(children_.front()));
    }
    void kill() {
        ::kill(children_.front().pid, SIGKILL);
        network::stop_all(children_, std::chrono::seconds(5));
    }
    std::string connection() const { return network::connection_string(place_); }

private:
    TemporaryFolder folder_;
    network::PostgresPlace place_;
    std::filesystem::path programs_;
    std::vector<network::Child> children_;
};

}  // namespace fairstream::tests
