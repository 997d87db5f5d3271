#include "security_manager/service/delivery_desk.hpp"

#include <boost/json/serialize.hpp>

#include "base/encoding.hpp"
#include "base/log.hpp"
#include "identity/jose/jwt.hpp"
#include "identity/jose/strict_json.hpp"

namespace fairstream::security_manager::service {

namespace jose = identity::jose;
namespace json = boost::json;
namespace schema = chaincode::schema;

namespace {

/// What a crash of this process loses: the records of so long.
constexpr std::chrono::seconds kWriteEvery{1};
constexpr std::size_t kMaxField = 24u << 10;

Result<std::string> base64_field(const json::object& body, std::string_view name) {
    const auto text = jose::string_claim(body, name, kMaxField);
    auto bytes = text ? base::from_base64(*text) : Result<Bytes>(fail(text.error()));
    if (!bytes) return fail("bad_request", "'" + std::string(name) + "' must be base64 (RFC 4648, padded)");
    return base::to_string(*bytes);
}

}  // namespace

DeliveryDesk::DeliveryDesk(base::net::Loop& loop, GrantSource& grants, Config config, TimePoint now)
    : scope_(loop), grants_(grants), book_(std::move(config.network), config.limits) {
    if (config.folder.empty()) return;
    auto store = AccountStore::open(config.folder);
    if (store) {
        store_ = std::move(*store);
        store_->restore(book_, now);
    } else {
        base::log_error("receipts are kept in memory only: {}", store.error().message);
    }
}

DeliveryDesk::~DeliveryDesk() {
    if (!store_) return;
    if (const auto written = store_->write(book_.take_changed()); !written)
        base::log_error("receipts are lost: {}", written.error().message);
}

Status DeliveryDesk::take(const ReceiptTerms& terms, const std::string& body, TimePoint keep_until, TimePoint now) {
    FS_ASSIGN(const auto object, jose::parse_strict_object(body));
    schema::DownloadDataStreamRequest request;
    request.set_grant(terms.grant);
    FS_ASSIGN(*request.mutable_receipt()->mutable_receipt(), base64_field(object, "receipt"));
    FS_ASSIGN(*request.mutable_receipt()->mutable_signature(), base64_field(object, "signature"));
    FS_ASSIGN(*request.mutable_token_signature(), base64_field(object, "token_signature"));
    return book_.accept(terms, request, keep_until, now);
}

std::string DeliveryDesk::standing(const ReceiptTerms& terms) const {
    json::object out{{"counter", 0}, {"entries", 0}, {"ahead", 0}, {"receipt_window", terms.window}};
    if (const auto* account = book_.account(terms.purchase)) {
        out["entries"] = account->covered().entries();
        out["ahead"] = account->ahead();
    }
    if (const auto* newest = book_.newest(terms.purchase)) {
        schema::DeliveryReceipt receipt;
        receipt.ParseFromString(newest->receipt());
        out["counter"] = receipt.counter();
        out["receipt"] = base::to_base64(as_bytes(newest->receipt()));
        out["signature"] = base::to_base64(as_bytes(newest->signature()));
    }
    return json::serialize(out);
}

void DeliveryDesk::tick(base::Pool& pool, TimePoint now) {
    book_.expire(now);
    redeem(pool, now);
    write(pool, now);
}

void DeliveryDesk::redeem(base::Pool& pool, TimePoint now) {
    if (redeeming_) return;
    for (auto& one : book_.due(now, 1)) {
        redeeming_ = true;
        const auto redemption = std::make_shared<DeliveryBook::Redemption>(std::move(one));
        const bool posted = pool.post([this, redemption] {
            const auto answer = std::make_shared<Status>(grants_.redeem(redemption->request));
            scope_.post([this, redemption, answer] {
                redeeming_ = false;
                if (!*answer)
                    base::log_info("receipt {} of purchase {}: {}: {}", redemption->counter, redemption->name,
                                   answer->error().code, answer->error().message);
                book_.redeemed(redemption->name, redemption->counter, *answer, base::wall_now());
            });
        });
        if (posted) return;
        redeeming_ = false;
        book_.redeemed(redemption->name, 0, fail("busy", "the pool is full"), now);
    }
}

void DeliveryDesk::write(base::Pool& pool, TimePoint now) {
    if (!store_ || writing_ || now < next_write_) return;
    const auto records = std::make_shared<std::vector<DeliveryBook::Record>>(book_.take_changed());
    if (records->empty()) return;
    next_write_ = now + kWriteEvery;
    writing_ = true;
    const auto job = [this, records] {
        const auto written = std::make_shared<Status>(store_->write(*records));
        scope_.post([this, written] {
            writing_ = false;
            if (!*written) base::log_error("receipts cannot be kept: {}", (*written).error().message);
        });
    };
    if (!pool.post(job)) job();
}

}  // namespace fairstream::security_manager::service
