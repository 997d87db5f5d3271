#include "security_manager/custodian/releaser.hpp"

#include "chaincode/schema/custody_records.hpp"

namespace fairstream::security_manager::custodian {

namespace custody = identity::crypto::custody;
namespace schema = chaincode::schema;

namespace {

/// What does not parse will not parse at the next attempt either.
template <typename T>
Result<T> in_task(Result<T> parsed) {
    if (!parsed) return fail("bad_task", parsed.error().message);
    return parsed;
}

}  // namespace

Result<schema::ReleaseRequest> make_release(const identity::crypto::SigningKey& custodian, const std::string& network,
                                            const std::string& purchase, const schema::ReleaseTask& task) {
    FS_ASSIGN(const auto context, in_task(schema::deal_context(network, task.dealing())));
    if (task.index() < 1 || task.index() > context.roster.size())
        return fail("bad_task", "the custodian's index is outside the roster");
    if (context.roster[task.index() - 1].second != custodian.public_key().compressed())
        return fail("bad_task", "the stream was dealt to another key of this organisation's custodian");
    FS_ASSIGN(const auto y, in_task(schema::to_point("y", task.y())));
    FS_ASSIGN(const auto buyer_key, in_task(schema::to_point("buyer_key", task.buyer_key())));
    FS_ASSIGN(const auto release,
              custody::release(custodian, y, buyer_key, custody::release_context(context, purchase, task.buyer())));
    return schema::release_request(purchase, release);
}

}  // namespace fairstream::security_manager::custodian
