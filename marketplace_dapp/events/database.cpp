#include "marketplace_dapp/events/database.hpp"

#include <pqxx/pqxx>

namespace fairstream::marketplace_dapp::events {

struct Database::Impl {
    std::string connection_string;
    std::unique_ptr<pqxx::connection> connection;

    pqxx::connection& open() {
        if (!connection) connection = std::make_unique<pqxx::connection>(connection_string);
        return *connection;
    }

    /// Runs `use` with the connection; turns what libpqxx throws into an Error.
    Status guarded(const std::function<void(pqxx::connection&)>& use) {
        try {
            use(open());
            return {};
        } catch (const pqxx::sql_error& error) {
            const auto& state = error.sqlstate();
            // 57: an operator's intervention, such as a shutdown. 08: the connection. 53: out of disk, memory, slots.
            if (!state.starts_with("57") && !state.starts_with("08") && !state.starts_with("53"))
                return fail("database_error", error.what());
            connection.reset();
            return fail("database_unavailable", error.what());
        } catch (const std::exception& error) {  // a broken connection, also one that broke while committing
            connection.reset();
            return fail("database_unavailable", error.what());
        }
    }
};

namespace {

class PqxxWork final : public Database::Work {
public:
    explicit PqxxWork(pqxx::transaction_base& transaction) : transaction_(transaction) {}

    Rows run(const std::string& sql, const std::vector<std::string>& parameters) override {
        const auto result = parameters.empty()
                                ? transaction_.exec(sql)
                                : transaction_.exec_params(sql, pqxx::prepare::make_dynamic_params(parameters));
        Rows rows;
        rows.reserve(result.size());
        for (const auto& row : result) {
            auto& out = rows.emplace_back();
            for (const auto& field : row)
                out.push_back(field.is_null() ? std::nullopt : std::optional<std::string>(field.as<std::string>()));
        }
        return rows;
    }

private:
    pqxx::transaction_base& transaction_;
};

}  // namespace

Database::Database(std::string connection) : impl_(std::make_unique<Impl>()) {
    impl_->connection_string = std::move(connection);
}
Database::~Database() = default;
Database::Database(Database&&) noexcept = default;

Status Database::transaction(const std::function<void(Work&)>& work) {
    return impl_->guarded([&](pqxx::connection& connection) {
        pqxx::work transaction(connection);
        PqxxWork adapter(transaction);
        work(adapter);
        transaction.commit();
    });
}

Result<Rows> Database::query(const std::string& sql, const std::vector<std::string>& parameters) {
    Rows rows;
    FS_TRY(impl_->guarded([&](pqxx::connection& connection) {
        pqxx::nontransaction transaction(connection);
        rows = PqxxWork(transaction).run(sql, parameters);
    }));
    return rows;
}

Result<Rows> DatabasePool::query(const std::string& sql, const std::vector<std::string>& parameters) {
    std::optional<Database> database;
    {
        const std::lock_guard lock(mutex_);
        if (!idle_.empty()) {
            database.emplace(std::move(idle_.back()));
            idle_.pop_back();
        }
    }
    const bool used_before = database.has_value();
    if (!database) database.emplace(connection_);
    auto rows = database->query(sql, parameters);
    // A connection that idled while PostgreSQL was started again is dead: that is not the caller's concern.
    if (!rows && used_before && rows.error().code == "database_unavailable") rows = database->query(sql, parameters);
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(*database));
    return rows;
}

}  // namespace fairstream::marketplace_dapp::events
