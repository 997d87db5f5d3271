#include "security_manager/custodian/releaser.hpp"

#include <algorithm>

#include "identity/crypto/custody.hpp"

namespace fairstream::security_manager::custodian {

namespace custody = identity::crypto::custody;
namespace schema = chaincode::schema;

namespace {

Result<custody::Point> to_point(const std::string& bytes) {
    custody::Point point;
    if (bytes.size() != point.size()) return fail("bad_task", "a point has 33 bytes");
    std::copy(bytes.begin(), bytes.end(), point.begin());
    return point;
}

Result<custody::DealContext> context_of(const schema::DealingRecord& dealing, const std::string& network) {
    if (dealing.organisations_size() != dealing.custodian_keys_size())
        return fail("bad_task", "the dealing's roster has not one key for each organisation");
    custody::DealContext context;
    context.network = network;
    context.stream = dealing.stream_id();
    context.key_epoch = dealing.key_epoch();
    context.seller = dealing.seller();
    context.threshold = dealing.threshold();
    for (int i = 0; i < dealing.organisations_size(); ++i) {
        FS_ASSIGN(const auto key, to_point(dealing.custodian_keys(i)));
        context.roster.emplace_back(dealing.organisations(i), key);
    }
    return context;
}

template <std::size_t N>
std::string text(const std::array<std::uint8_t, N>& bytes) {
    return std::string(bytes.begin(), bytes.end());
}

}  // namespace

Result<schema::ReleaseRequest> make_release(const identity::crypto::SigningKey& custodian, const std::string& network,
                                            const std::string& purchase, const schema::ReleaseTask& task) {
    FS_ASSIGN(const auto context, context_of(task.dealing(), network));
    if (task.index() < 1 || task.index() > context.roster.size())
        return fail("bad_task", "the custodian's index is outside the roster");
    if (context.roster[task.index() - 1].second != custodian.public_key().compressed())
        return fail("bad_task", "the stream was dealt to another key of this organisation's custodian");
    FS_ASSIGN(const auto y, to_point(task.y()));
    FS_ASSIGN(const auto buyer_key, to_point(task.buyer_key()));
    FS_ASSIGN(const auto release,
              custody::release(custodian, y, buyer_key, custody::release_context(context, purchase, task.buyer())));
    schema::ReleaseRequest request;
    request.set_purchase(purchase);
    request.set_a(text(release.a));
    request.set_b(text(release.b));
    request.set_c(text(release.c));
    request.set_s(text(release.s));
    request.set_u(text(release.u));
    return request;
}

}  // namespace fairstream::security_manager::custodian
