#include "chaincode/schema/custody_records.hpp"

#include <algorithm>

#include "ledger/proto/wire.hpp"

namespace fairstream::chaincode::schema {

namespace custody = identity::crypto::custody;
using ledger::proto::as_field;

namespace {

template <typename Array>
Result<Array> to_array(std::string_view field, const std::string& bytes) {
    Array out{};
    if (bytes.size() != out.size())
        return fail("bad_arguments", std::string(field) + " has " + std::to_string(bytes.size()) + " bytes, not " +
                                         std::to_string(out.size()));
    std::copy(bytes.begin(), bytes.end(), out.begin());
    return out;
}

}  // namespace

Result<custody::Point> to_point(std::string_view field, const std::string& bytes) {
    return to_array<custody::Point>(field, bytes);
}

Result<custody::Scalar> to_scalar(std::string_view field, const std::string& bytes) {
    return to_array<custody::Scalar>(field, bytes);
}

Result<custody::DealContext> deal_context(const ledger::proto::ChannelConfig& config, const std::string& stream_id,
                                          std::uint32_t key_epoch, const std::string& seller) {
    custody::DealContext context{.network = config.channel(),
                                 .stream = stream_id,
                                 .key_epoch = key_epoch,
                                 .seller = seller,
                                 .roster = {},
                                 .threshold = config.custody_threshold()};
    for (const auto& organisation : config.organisations()) {
        FS_ASSIGN(const auto key, to_point("custodian key", organisation.custodian_key()));
        context.roster.emplace_back(organisation.name(), key);
    }
    return context;
}

Result<custody::DealContext> deal_context(std::string_view network, const DealingRecord& dealing) {
    custody::DealContext context{.network = std::string(network),
                                 .stream = dealing.stream_id(),
                                 .key_epoch = dealing.key_epoch(),
                                 .seller = dealing.seller(),
                                 .roster = {},
                                 .threshold = dealing.threshold()};
    if (dealing.organisations_size() != dealing.custodian_keys_size())
        return fail("bad_arguments", "the dealing's roster has not one key for each organisation");
    for (int i = 0; i < dealing.organisations_size(); ++i) {
        FS_ASSIGN(const auto key, to_point("custodian key", dealing.custodian_keys(i)));
        context.roster.emplace_back(dealing.organisations(i), key);
    }
    return context;
}

DealRequest deal_request(const custody::DealContext& context, const custody::Dealing& dealing) {
    DealRequest request;
    request.set_stream_id(context.stream);
    request.set_key_epoch(static_cast<std::uint32_t>(context.key_epoch));
    for (const auto& commitment : dealing.commitments) request.add_commitments(as_field(commitment));
    request.set_key_check_value(as_field(dealing.key_check_value));
    return request;
}

SharePackage share_package(const custody::Dealing& dealing) {
    SharePackage package;
    for (const auto& share : dealing.shares) {
        package.add_y(as_field(share.y));
        package.add_challenge(as_field(share.challenge));
        package.add_response(as_field(share.response));
    }
    return package;
}

Result<std::vector<custody::EncryptedShare>> to_shares(const SharePackage& package, int custodians) {
    if (package.y_size() != custodians || package.challenge_size() != custodians ||
        package.response_size() != custodians)
        return fail("bad_dealing", "the package holds other than one share per custodian");
    std::vector<custody::EncryptedShare> shares;
    for (int i = 0; i < custodians; ++i) {
        custody::EncryptedShare share{};
        FS_ASSIGN(share.y, to_point("y", package.y(i)));
        FS_ASSIGN(share.challenge, to_scalar("challenge", package.challenge(i)));
        FS_ASSIGN(share.response, to_scalar("response", package.response(i)));
        shares.push_back(share);
    }
    return shares;
}

ReleaseRequest release_request(const std::string& purchase, const custody::Release& release) {
    ReleaseRequest request;
    request.set_purchase(purchase);
    request.set_a(as_field(release.a));
    request.set_b(as_field(release.b));
    request.set_c(as_field(release.c));
    request.set_s(as_field(release.s));
    request.set_u(as_field(release.u));
    return request;
}

Result<custody::Release> to_release(const ReleaseRequest& request) {
    custody::Release release{};
    FS_ASSIGN(release.a, to_point("a", request.a()));
    FS_ASSIGN(release.b, to_point("b", request.b()));
    FS_ASSIGN(release.c, to_scalar("c", request.c()));
    FS_ASSIGN(release.s, to_scalar("s", request.s()));
    FS_ASSIGN(release.u, to_scalar("u", request.u()));
    return release;
}

Result<std::vector<custody::IndexedRelease>> to_releases(const GetReleasesReply& reply) {
    std::vector<custody::IndexedRelease> all;
    for (const auto& record : reply.releases()) {
        FS_ASSIGN(const auto release, to_release(record.release()));
        all.push_back({.index = record.index(), .release = release});
    }
    return all;
}

}  // namespace fairstream::chaincode::schema
