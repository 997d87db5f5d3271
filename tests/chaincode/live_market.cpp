#include "tests/chaincode/live_market.hpp"

#include "chaincode/schema/names.hpp"

namespace fairstream::chaincode::tests {

namespace names = schema::names;
using namespace std::chrono_literals;

LiveMarket::LiveMarket() : seller(verified_seller()), offer(create_stream_offer(kPrice, kWindowSeconds).value()) {
    begin_session();
}

Result<schema::Offer> LiveMarket::create_stream_offer(std::int64_t price_micro, std::uint32_t window_s,
                                                      const std::string& topic) {
    schema::CreateOfferRequest request;
    auto& draft = *request.mutable_draft();
    draft.set_topic(topic);
    draft.set_mode("stream");
    draft.set_window_s(window_s);
    draft.set_price_micro(price_micro);
    FS_ASSIGN(const auto reply, chain.submit<schema::OfferReply>(seller, names::contract::kMarketplace,
                                                                 names::marketplace::kCreateOffer, request));
    return reply.offer();
}

void LiveMarket::begin_session() {
    token = upload_token(seller, offer.id()).value();
    next_sequence_ = token.next_sequence();
    chain.commit({});
    const auto grant = draw(token.grant()).value().grant();
    drawn.assign(grant.operators().begin(), grant.operators().end());
}

Result<schema::KeyEpoch> LiveMarket::open(const Who& by, const std::string& grant, std::uint32_t key_epoch) {
    schema::OpenKeyEpochRequest request;
    request.set_offer(offer.id());
    request.set_grant(grant);
    request.set_key_epoch(key_epoch);
    FS_ASSIGN(const auto reply, chain.submit<schema::OpenKeyEpochReply>(by, names::contract::kMarketplace,
                                                                        names::marketplace::kOpenKeyEpoch, request));
    return reply.key_epoch();
}

schema::KeyEpoch LiveMarket::open(std::uint32_t key_epoch) {
    keys_[key_epoch] = deal_key(seller, offer.stream_id(), key_epoch).value();
    return open(seller, token.grant(), key_epoch).value();
}

Market::Stored LiveMarket::close(std::uint32_t key_epoch, std::size_t entries) {
    Stored stored;
    stored.token = token;
    stored.token.set_next_sequence(next_sequence_);
    stored.token.set_key_epoch(key_epoch);
    stored.drawn = drawn;
    stored.key = keys_.at(key_epoch);
    make_batch(seller, stored, entries);
    next_sequence_ += entries;
    return stored;
}

schema::Batch LiveMarket::record_epoch(std::uint32_t key_epoch, std::size_t entries) {
    const auto stored = close(key_epoch, entries);
    upload(seller, stored).value();
    return record(seller, offer, stored).value().batches(0);
}

schema::RequestDownloadTokenRequest LiveMarket::time_order(const Who& buyer, std::uint32_t windows,
                                                           const std::string& request_id,
                                                           const std::string& after) const {
    auto request = order(buyer, offer, request_id);
    request.set_windows(windows);
    request.set_after(after);
    return request;
}

Result<schema::Purchase> LiveMarket::buy_time(const Who& buyer, std::uint32_t windows, const std::string& request_id,
                                              const std::string& after) {
    return request_download(buyer, time_order(buyer, windows, request_id, after));
}

std::vector<std::uint32_t> LiveMarket::key_epochs(const std::string& purchase, std::uint32_t after,
                                                  std::uint32_t limit) {
    schema::ListKeyEpochsRequest request;
    request.set_purchase(purchase);
    request.set_after(after);
    request.set_limit(limit);
    const auto reply = chain.query<schema::ListKeyEpochsReply>(issuer, names::contract::kMarketplace,
                                                               names::marketplace::kListKeyEpochs, request);
    std::vector<std::uint32_t> numbers;
    for (const auto& epoch : reply.value().key_epochs()) numbers.push_back(epoch.number());
    return numbers;
}

Result<schema::ListWindowsReply> LiveMarket::windows(std::uint32_t key_epoch, const std::string& after,
                                                     std::uint32_t limit) {
    schema::ListWindowsRequest request;
    request.set_offer(offer.id());
    request.set_key_epoch(key_epoch);
    request.set_after(after);
    request.set_limit(limit);
    return chain.query<schema::ListWindowsReply>(issuer, names::contract::kMarketplace,
                                                 names::marketplace::kListWindows, request);
}

}  // namespace fairstream::chaincode::tests
