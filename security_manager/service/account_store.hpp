#pragma once

#include <filesystem>
#include <vector>

#include "security_manager/service/delivery_book.hpp"

namespace fairstream::security_manager::service {

/// The delivery book's records on disk: a file per purchase, replaced as a whole. Bounded by the book's own limit on
/// accounts. Any one thread at a time.
class AccountStore {
public:
    /// Makes the folder. Error: io_error.
    static Result<AccountStore> open(std::filesystem::path folder);

    /// Reads what an earlier life left into `book`; what cannot be read is left aside, and named in the log.
    void restore(DeliveryBook& book, TimePoint now) const;
    /// Error: io_error; the rest is written all the same.
    Status write(const std::vector<DeliveryBook::Record>& records) const;

private:
    explicit AccountStore(std::filesystem::path folder) : folder_(std::move(folder)) {}
    std::filesystem::path path(const std::string& name) const;

    std::filesystem::path folder_;
};

}  // namespace fairstream::security_manager::service
