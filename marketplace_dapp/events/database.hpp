#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

/// PostgreSQL through libpqxx, whose exceptions end here.
namespace fairstream::marketplace_dapp::events {

/// Fields as PostgreSQL writes them; nothing for null.
using Row = std::vector<std::optional<std::string>>;
using Rows = std::vector<Row>;

/// One connection, opened when it is first needed and again after it was lost. Blocking; one thread at a time.
/// Errors everywhere: database_unavailable (nothing was done, or it is not known whether: ask again later) and
/// database_error (PostgreSQL refused the statement: ours to mend).
class Database {
public:
    /// `connection` as libpq takes it, e.g. "host=/run/x dbname=fairstream user=fairstream".
    explicit Database(std::string connection);
    ~Database();
    Database(Database&&) noexcept;

    /// What a transaction does. `parameters` are $1, $2...
    class Work {
    public:
        virtual Rows run(const std::string& sql, const std::vector<std::string>& parameters = {}) = 0;

    protected:
        ~Work() = default;
    };

    /// One transaction: all of `work`, or nothing of it. `work` may be interrupted by an exception at every `run`.
    Status transaction(const std::function<void(Work&)>& work);
    /// One statement in a transaction of its own that only reads.
    Result<Rows> query(const std::string& sql, const std::vector<std::string>& parameters = {});

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// Connections for several threads: each borrows one for a statement. Keeps no more open than there were threads at
/// once.
class DatabasePool {
public:
    explicit DatabasePool(std::string connection) : connection_(std::move(connection)) {}
    Result<Rows> query(const std::string& sql, const std::vector<std::string>& parameters = {});

private:
    const std::string connection_;
    std::mutex mutex_;
    std::vector<Database> idle_;
};

}  // namespace fairstream::marketplace_dapp::events
