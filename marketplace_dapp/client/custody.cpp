#include "marketplace_dapp/client/custody.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::marketplace_dapp::client {

namespace custody = identity::crypto::custody;
namespace schema = chaincode::schema;
using identity::crypto::SigningKey;
using ledger::proto::as_field;

namespace {

template <typename Array>
Result<Array> to_array(const std::string& bytes, const char* code) {
    Array out{};
    if (bytes.size() != out.size())
        return fail(code, "expected " + std::to_string(out.size()) + " bytes, got " + std::to_string(bytes.size()));
    std::copy(bytes.begin(), bytes.end(), out.begin());
    return out;
}

}  // namespace

Result<custody::DealContext> deal_context(const ledger::proto::ChannelConfig& config, const std::string& stream_id,
                                          std::uint32_t key_epoch, const std::string& seller) {
    custody::DealContext context{.network = config.channel(),
                                 .stream = stream_id,
                                 .key_epoch = key_epoch,
                                 .seller = seller,
                                 .roster = {},
                                 .threshold = config.custody_threshold()};
    for (const auto& organisation : config.organisations()) {
        FS_ASSIGN(const auto key, to_array<custody::Point>(organisation.custodian_key(), "bad_point"));
        context.roster.emplace_back(organisation.name(), key);
    }
    return context;
}

Result<custody::DealContext> deal_context(const std::string& network, const schema::DealingRecord& dealing) {
    custody::DealContext context{.network = network,
                                 .stream = dealing.stream_id(),
                                 .key_epoch = dealing.key_epoch(),
                                 .seller = dealing.seller(),
                                 .roster = {},
                                 .threshold = dealing.threshold()};
    if (dealing.organisations_size() != dealing.custodian_keys_size())
        return fail("bad_answer", "a dealing with other than one key per custodian");
    for (int i = 0; i < dealing.organisations_size(); ++i) {
        FS_ASSIGN(const auto key, to_array<custody::Point>(dealing.custodian_keys(i), "bad_point"));
        context.roster.emplace_back(dealing.organisations(i), key);
    }
    return context;
}

schema::DealRequest deal_request(const custody::DealContext& context, const custody::Dealing& dealing) {
    schema::DealRequest request;
    request.set_stream_id(context.stream);
    request.set_key_epoch(static_cast<std::uint32_t>(context.key_epoch));
    for (const auto& commitment : dealing.commitments) request.add_commitments(as_field(commitment));
    request.set_key_check_value(as_field(dealing.key_check_value));
    return request;
}

schema::SharePackage share_package(const custody::Dealing& dealing) {
    schema::SharePackage package;
    for (const auto& share : dealing.shares) {
        package.add_y(as_field(share.y));
        package.add_challenge(as_field(share.challenge));
        package.add_response(as_field(share.response));
    }
    return package;
}

Result<std::vector<custody::IndexedRelease>> releases(const schema::GetReleasesReply& reply) {
    std::vector<custody::IndexedRelease> all;
    for (const auto& record : reply.releases()) {
        custody::IndexedRelease one{.index = record.index(), .release = {}};
        FS_ASSIGN(one.release.a, to_array<custody::Point>(record.release().a(), "bad_point"));
        FS_ASSIGN(one.release.b, to_array<custody::Point>(record.release().b(), "bad_point"));
        FS_ASSIGN(one.release.c, to_array<custody::Scalar>(record.release().c(), "bad_scalar"));
        FS_ASSIGN(one.release.s, to_array<custody::Scalar>(record.release().s(), "bad_scalar"));
        FS_ASSIGN(one.release.u, to_array<custody::Scalar>(record.release().u(), "bad_scalar"));
        all.push_back(one);
    }
    return all;
}

SigningKey purchase_key(const SigningKey& buyer, std::string_view request_id) {
    // A candidate outside 1..n-1 has a chance of 2^-32; the counter then gives the next.
    for (std::uint8_t counter = 0; counter < 255; ++counter) {
        auto info = base::lp(std::string_view("fairstream/purchase-key/v1"), request_id);
        info.push_back(counter);
        const auto scalar = identity::crypto::hkdf_sha256(buyer.scalar(), {}, info, 32);
        if (auto key = SigningKey::from_scalar(scalar)) return *key;
    }
    FS_ASSERT(!"255 candidates in a row outside the group order");
    return buyer;
}

}  // namespace fairstream::marketplace_dapp::client
