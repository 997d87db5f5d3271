#include "security_manager/service/account_store.hpp"

#include "base/encoding.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "identity/crypto/hash.hpp"

namespace fairstream::security_manager::service {

namespace fs = std::filesystem;

namespace {
constexpr std::size_t kMaxRecord = 256u << 10;
}

Result<AccountStore> AccountStore::open(fs::path folder) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (!error) fs::permissions(folder, fs::perms::owner_all, error);
    if (error) return fail("io_error", folder.string() + ": cannot make the folder: " + error.message());
    return AccountStore(std::move(folder));
}

/// Named by a hash: a purchase's name comes from outside.
fs::path AccountStore::path(const std::string& name) const {
    return folder_ / base::to_hex(ByteView(identity::crypto::sha256(as_bytes(name))).first(16));
}

void AccountStore::restore(DeliveryBook& book, TimePoint now) const {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder_, error)) {
        const auto bytes = base::read_file(entry.path(), kMaxRecord);
        const Status done = bytes ? book.restore(*bytes, now) : Status(fail(bytes.error()));
        if (!done) base::log_warn("{}: no account: {}", entry.path().string(), done.error().message);
    }
    if (error) base::log_warn("{}: cannot be listed: {}", folder_.string(), error.message());
}

Status AccountStore::write(const std::vector<DeliveryBook::Record>& records) const {
    Status out;
    for (const auto& [name, bytes] : records) {
        std::error_code error;
        if (bytes.empty())
            fs::remove(path(name), error);
        else if (const Status written = base::write_file(path(name), bytes, 0600); !written)
            out = written;
        if (error) out = fail("io_error", path(name).string() + ": " + error.message());
    }
    return out;
}

}  // namespace fairstream::security_manager::service
