#pragma once

#include <filesystem>
#include <string>

#include "network/process.hpp"

/// A PostgreSQL server of our own: its data in one folder, reached through a Unix socket in another, no port, apart
/// from any PostgreSQL that the machine runs already. PostgreSQL refuses to run as root, so there it runs in a user
/// namespace in which it is not.
namespace fairstream::network {

struct PostgresPlace {
    std::filesystem::path data;           // made by initdb
    std::filesystem::path socket_folder;  // holds the socket; everyone who may enter it may connect
    std::filesystem::path log;
};

inline constexpr char kPostgresUser[] = "fairstream";

/// The newest PostgreSQL on this machine: the folder of its programs. Error: not_found, with how to install it.
Result<std::filesystem::path> find_postgres();

/// Error: path_too_long (no Unix socket can have more than 107 bytes).
Status check_place(const PostgresPlace& place);

/// Makes the data folder where there is none; takes a second or two. Error: start_failed, with what initdb said.
Status make_database(const PostgresPlace& place, const std::filesystem::path& programs);

/// The server as a child: stopped by SIGINT, its "fast shutdown".
Child postgres_child(const PostgresPlace& place, const std::filesystem::path& programs, const std::string& name);

/// As libpq takes it.
std::string connection_string(const PostgresPlace& place);

}  // namespace fairstream::network
