#include "marketplace_dapp/client/key_dealing.hpp"

#include <charconv>

#include "base/encoding.hpp"
#include "base/file.hpp"
#include "chaincode/schema/custody_records.hpp"

namespace fairstream::marketplace_dapp::client {

namespace fs = std::filesystem;
namespace schema = chaincode::schema;
namespace custody = identity::crypto::custody;

namespace {

constexpr std::string_view kSuffix = ".key";
constexpr std::size_t kMaxKeyFileBytes = 128;

/// What the ledger says: dealt with this key, with another one, or not yet.
Result<bool> is_dealt(Connection& connection, const ledger::client::Identity& seller, const std::string& stream_id,
                      std::uint32_t key_epoch, const std::optional<custody::StreamKey>& saved) {
    schema::GetDealingRequest request;
    request.set_stream_id(stream_id);
    request.set_key_epoch(key_epoch);
    const auto dealing =
        ledger::client::query<schema::DealingRecord>(connection.ledger(), seller, "custody", "GetDealing", request);
    if (!dealing && dealing.error().code == "not_found") return false;
    if (!dealing) return fail(dealing.error());
    if (saved && ledger::proto::as_field(saved->check_value()) == dealing->key_check_value()) return true;
    return fail("key_lost", "key epoch " + std::to_string(key_epoch) + " was dealt with a key that is not here");
}

}  // namespace

Result<custody::StreamKey> deal_key(Connection& connection, const ledger::client::Identity& seller,
                                    const std::string& stream_id, std::uint32_t key_epoch,
                                    const std::optional<custody::StreamKey>& saved,
                                    const std::function<Status(const custody::StreamKey&)>& save) {
    FS_ASSIGN(const bool done, is_dealt(connection, seller, stream_id, key_epoch, saved));
    if (done) return *saved;
    FS_ASSIGN(const auto info, connection.ledger().info());
    FS_ASSIGN(const auto config, ledger::proto::decode<ledger::proto::ChannelConfig>(as_bytes(info.config())));
    FS_ASSIGN(const auto context, schema::deal_context(config, stream_id, key_epoch, seller.did));
    FS_ASSIGN(const auto dealt, custody::deal(context));
    FS_TRY(save(dealt.key));
    FS_TRY(ledger::client::submit<schema::DealingRecord>(connection.ledger(), seller, "custody", "Deal",
                                                         schema::deal_request(context, dealt.dealing),
                                                         ledger::proto::encode(schema::share_package(dealt.dealing))));
    return dealt.key;
}

fs::path KeyFolder::file(std::uint32_t key_epoch) const {
    return folder_ / (std::to_string(key_epoch) + std::string(kSuffix));
}

Result<std::optional<custody::StreamKey>> KeyFolder::find(std::uint32_t key_epoch) const {
    const auto bytes = base::read_file(file(key_epoch), kMaxKeyFileBytes);
    if (!bytes && bytes.error().code == "not_found") return std::optional<custody::StreamKey>{};
    if (!bytes) return fail(bytes.error());
    const auto raw = base::from_hex(base::to_string(*bytes));
    const auto key = raw ? identity::crypto::to_hash(*raw) : Result<identity::crypto::Hash>(fail(raw.error()));
    if (!key) return fail("bad_key_file", file(key_epoch).string() + ": not 64 hex digits");
    return std::optional<custody::StreamKey>{custody::StreamKey{.key = *key}};
}

Status KeyFolder::save(std::uint32_t key_epoch, const custody::StreamKey& key) const {
    std::error_code error;
    fs::create_directories(folder_, error);
    if (!error) fs::permissions(folder_, fs::perms::owner_all, error);
    if (error) return fail("io_error", "cannot make " + folder_.string() + ": " + error.message());
    return base::write_file(file(key_epoch), as_bytes(base::to_hex(key.key)), 0600);
}

void KeyFolder::forget_before(std::uint32_t key_epoch) const {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder_, ignored)) {
        const auto name = entry.path().filename().string();
        std::uint32_t number = 0;
        const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
        if (error == std::errc() && std::string_view(end) == kSuffix && number < key_epoch)
            fs::remove(entry.path(), ignored);
    }
}

}  // namespace fairstream::marketplace_dapp::client
