#include "marketplace_dapp/cli/actions.hpp"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <cmath>

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "base/file.hpp"
#include "identity/credential/credential.hpp"
#include "identity/did/did_key.hpp"
#include "ledger/proto/ledger.pb.h"
#include "marketplace_dapp/cli/acting.hpp"
#include "marketplace_dapp/cli/render.hpp"
#include "marketplace_dapp/client/buyer.hpp"
#include "marketplace_dapp/client/seller.hpp"

namespace fairstream::marketplace_dapp::cli {

namespace fs = std::filesystem;
namespace schema = chaincode::schema;
using identity::crypto::SigningKey;

namespace {

constexpr std::size_t kMaxCredentialBytes = 16u << 10;
constexpr std::size_t kMaxLicenceBytes = 8u << 10;

Result<std::string> read_credential(const fs::path& file) {
    if (file.empty()) return std::string{};
    FS_ASSIGN(const auto bytes, base::read_file(file, kMaxCredentialBytes));
    auto text = base::to_string(bytes);
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
    return text;
}

Result<Answer> show_key(const std::string& name, const SigningKey& key) {
    const auto did = identity::did::did_from_key(key.public_key());
    const auto document = identity::did::document(did, key.public_key());
    return Answer{.json = {{"name", name}, {"did", did}, {"document", document}}, .text = name + "  " + did};
}

Answer transaction_answer(const ledger::client::Commit& commit, const std::string& what) {
    const auto id = base::to_hex(commit.transaction_id);
    return {.json = {{"transaction", id}, {"block", commit.block}, {"index", commit.index}},
            .text = fmt::format("{} (transaction {}, block {})", what, id, commit.block)};
}

Result<schema::Place> to_place(double latitude, double longitude) {
    if (!(latitude >= -90 && latitude <= 90) || !(longitude >= -180 && longitude <= 180))
        return fail("bad_place", "latitude is -90 to 90, longitude -180 to 180");
    schema::Place place;
    place.set_latitude_e7(static_cast<std::int32_t>(std::lround(latitude * 1e7)));
    place.set_longitude_e7(static_cast<std::int32_t>(std::lround(longitude * 1e7)));
    return place;
}

}  // namespace

Result<Answer> id_new(Session& session, const std::string& name) {
    FS_ASSIGN(const auto file, session.key_file(name));
    std::error_code error;
    fs::create_directories(file.parent_path(), error);
    FS_ASSIGN(const auto secret, session.passphrase());
    const auto key = SigningKey::generate();
    FS_TRY(key.save(file, secret));
    return show_key(name, key);
}

Result<Answer> id_show(Session& session, const std::string& name) {
    session.as = name;
    FS_ASSIGN(const auto key, session.key());
    return show_key(name, key);
}

Result<Answer> credential_issue(Session& session, const CredentialOptions& options) {
    FS_ASSIGN(const auto issuer, session.key());
    FS_TRY(identity::did::key_from_did(options.subject));
    const auto now = base::wall_now();
    const auto id = "urn:uuid:" + [] {
        auto bytes = identity::crypto::random_bytes(16);
        bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x40);  // RFC 9562, version 4
        bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);
        const auto hex = base::to_hex(bytes);
        return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" + hex.substr(16, 4) + "-" +
               hex.substr(20);
    }();
    FS_ASSIGN(const auto jwt,
              identity::credential::issue(issuer, {.id = id,
                                                   .subject = options.subject,
                                                   .type = options.type,
                                                   .claims = {},
                                                   .valid_from = now - std::chrono::minutes(1),
                                                   .valid_until = now + std::chrono::hours(24 * options.days)}));
    return Answer{.json = {{"credential", jwt}, {"id", id}, {"subject", options.subject}, {"type", options.type}},
                  .text = jwt};
}

Result<Answer> register_actor(Session& session, const std::string& role, const fs::path& credential) {
    FS_ASSIGN(const auto jwt, read_credential(credential));
    Result<schema::Actor> registered = [&]() -> Result<schema::Actor> {
        if (role == "seller") {
            FS_ASSIGN(auto seller, actor<client::Seller>(session));
            return seller.register_and_verify(jwt);
        }
        FS_ASSIGN(auto buyer, actor<client::Buyer>(session));
        return buyer.register_client(jwt);
    }();
    if (!registered) return fail(registered.error());
    return Answer{.json = to_json(*registered),
                  .text = fmt::format("{} is registered as {}, trust score {}", registered->did(), role,
                                      rate(registered->trust_score()))};
}

Result<Answer> wallet_balance(Session& session, const std::string& who) {
    FS_ASSIGN(auto asking, anyone<client::Actor>(session));
    if (who.empty() && session.as.empty())
        return fail("no_account", "whose balance? Name an account, or a key with --as");
    std::string account = asking.did();
    if (!who.empty()) {
        FS_ASSIGN(account, resolve_account(session, who));
    }
    FS_ASSIGN(const auto micro, asking.balance(account));
    return Answer{.json = {{"account", account}, {"balance_micro", micro}},
                  .text = fmt::format("{} credits  {}", credits(micro), account)};
}

Result<Answer> wallet_send(Session& session, const std::string& to, std::int64_t amount_micro,
                           const std::string& memo) {
    FS_ASSIGN(auto sender, actor<client::Actor>(session));
    FS_ASSIGN(const auto account, resolve_account(session, to));
    FS_ASSIGN(const auto commit, sender.send(account, amount_micro, memo));
    return transaction_answer(commit, fmt::format("sent {} credits to {}", credits(amount_micro), account));
}

Result<Answer> wallet_faucet(Session& session, std::int64_t amount_micro) {
    FS_ASSIGN(auto receiver, actor<client::Actor>(session));
    FS_ASSIGN(const auto commit, receiver.faucet(amount_micro));
    return transaction_answer(commit, fmt::format("received {} credits", credits(amount_micro)));
}

Result<Answer> wallet_audit(Session& session) {
    FS_ASSIGN(auto asking, anyone<client::Actor>(session));
    FS_ASSIGN(const auto audit, asking.audit());
    boost::json::object accounts, escrows;
    std::string text;
    for (const auto& one : audit.accounts()) {
        accounts[one.account()] = one.amount_micro();
        text += fmt::format("{:>24}  {}\n", credits(one.amount_micro()), one.account());
    }
    for (const auto& one : audit.escrows()) {
        escrows[one.account()] = one.amount_micro();
        text += fmt::format("{:>24}  escrow {}\n", credits(one.amount_micro()), one.account());
    }
    text += fmt::format("{:>24}  sum\n{:>24}  supply\n", credits(audit.sum_micro()), credits(audit.supply_micro()));
    const bool conserved = audit.sum_micro() == audit.supply_micro();
    if (!conserved) return fail("not_conserved", text);
    return Answer{.json = {{"accounts", accounts},
                           {"escrows", escrows},
                           {"sum_micro", audit.sum_micro()},
                           {"supply_micro", audit.supply_micro()},
                           {"conserved", conserved}},
                  .text = text};
}

Result<Answer> offer_create(Session& session, const OfferOptions& options) {
    schema::OfferDraft draft;
    draft.set_topic(options.topic);
    draft.set_mode(options.mode);
    draft.set_price_micro(options.price_micro);
    draft.set_window_s(static_cast<std::uint32_t>(options.window.count() / 1000));
    draft.set_title(options.title);
    draft.set_description(options.description);
    draft.set_content_type(options.content_type);
    draft.set_unit(options.unit);
    for (const auto& tag : options.tags) draft.add_tags(tag);
    draft.mutable_terms()->set_verified_only(options.verified_only);
    draft.mutable_terms()->set_minimum_trust(options.minimum_trust);
    if (!options.licence.empty()) {
        FS_ASSIGN(const auto licence, base::read_file(options.licence, kMaxLicenceBytes));
        draft.mutable_terms()->set_licence(base::to_string(licence));
    }
    if (options.latitude.has_value() != options.longitude.has_value())
        return fail("bad_place", "give both --latitude and --longitude, or neither");
    if (options.latitude) {
        FS_ASSIGN(*draft.mutable_place(), to_place(*options.latitude, *options.longitude));
    }
    FS_ASSIGN(auto seller, actor<client::Seller>(session));
    FS_ASSIGN(const auto offer, seller.create_offer(draft));
    return Answer{.json = to_json(offer), .text = to_text(offer)};
}

Result<Answer> offer_list(Session& session, const std::string& topic, std::uint32_t limit) {
    FS_ASSIGN(auto asking, anyone<client::Buyer>(session));
    FS_ASSIGN(const auto page, asking.offers(topic, "", limit));
    Answer answer;
    boost::json::array offers;
    for (const auto& offer : page.offers()) {
        offers.push_back(to_json(offer));
        answer.text += to_text(offer);
    }
    answer.json = {{"offers", std::move(offers)}, {"next", page.next()}};
    if (page.offers_size() == 0) answer.text = "no offers" + (topic.empty() ? "" : " under " + topic);
    return answer;
}

Result<Answer> offer_show(Session& session, const std::string& offer) {
    FS_ASSIGN(auto asking, anyone<client::Buyer>(session));
    FS_ASSIGN(const auto reply, asking.offer(offer));
    Answer answer{.json = to_json(reply.offer()), .text = to_text(reply.offer())};
    boost::json::array batches;
    for (const auto& batch : reply.batches()) {
        batches.push_back(to_json(batch));
        answer.text += fmt::format("  batch {:<4} {:>12} bytes  {}  {}\n", batch.number(), batch.plaintext_bytes(),
                                   base::to_rfc3339(base::from_us(batch.recorded_at_us())), batch.name());
    }
    answer.json["batch_list"] = std::move(batches);
    return answer;
}

Result<Answer> upload(Session& session, const fs::path& file, const std::string& offer) {
    FS_ASSIGN(auto seller, actor<client::Seller>(session));
    FS_ASSIGN(
        const auto done,
        seller.upload({.offer = offer, .file = file, .state = session.state(), .on_progress = session.progress()}));
    const auto sha256 = base::to_hex(done.plaintext_sha256);
    auto json = to_json(done.batch);
    json["stream"] = done.stream_id;
    json["sha256"] = sha256;
    json["operators"] = to_json(done.operators);
    json["resumed"] = done.resumed;
    json["times"] = to_json(done.steps);
    return Answer{.json = std::move(json),
                  .text = fmt::format("batch {} of {}: {} bytes, SHA-256 {}\nstorage receipts by {}\n{}",
                                      done.batch.number(), offer, done.batch.plaintext_bytes(), sha256,
                                      fmt::join(done.operators, ", "), to_text(done.steps))};
}

Result<Answer> buy(Session& session, const BuyOptions& options) {
    FS_ASSIGN(auto buyer, actor<client::Buyer>(session));
    const auto request_id =
        options.request_id.empty() ? base::to_hex(identity::crypto::random_bytes(16)) : options.request_id;
    FS_ASSIGN(const auto listed, buyer.offer(options.offer));
    const bool time = listed.offer().draft().mode() == "stream";
    if (!time && (options.windows > 0 || !options.after.empty()))
        return fail("wrong_mode", "this offer sells batches: --windows and --after are for offers of mode stream");
    if (time && options.batch > 0) return fail("wrong_mode", "this offer sells time: say --windows, not --batch");
    const auto windows = std::max<std::uint32_t>(1, options.windows);
    FS_ASSIGN(const auto purchase, time ? buyer.buy_time(options.offer, windows, request_id, options.after)
                                        : buyer.buy(options.offer, options.batch, request_id));
    return Answer{.json = to_json(purchase), .text = to_text(purchase)};
}

Result<Answer> fetch(Session& session, const std::string& purchase, const fs::path& output) {
    FS_ASSIGN(auto buyer, actor<client::Buyer>(session));
    FS_ASSIGN(const auto done,
              buyer.fetch({.purchase = purchase, .output = output, .on_progress = session.progress()}));
    const auto sha256 = base::to_hex(done.plaintext_sha256);
    auto json = to_json(done.purchase);
    json["file"] = output.string();
    json["bytes"] = done.bytes;
    json["sha256"] = sha256;
    json["served_by"] = to_json(done.served_by);
    json["faults"] = to_json(done.faults);
    json["paid_now_micro"] = done.paid_micro;
    json["times"] = to_json(done.steps);
    std::string text = fmt::format("{}: {} bytes, SHA-256 {}\nserved by {}; paid {} credits\n", output.string(),
                                   done.bytes, sha256, fmt::join(done.served_by, ", "), credits(done.paid_micro));
    for (const auto& fault : done.faults) text += "  operator fault: " + fault + "\n";
    return Answer{.json = std::move(json), .text = text + to_text(done.steps)};
}

Result<Answer> get(Session& session, const BuyOptions& options, const fs::path& output) {
    FS_ASSIGN(const auto bought, buy(session, options));
    return fetch(session, std::string(bought.json.at("purchase").as_string()), output);
}

Result<Answer> refund(Session& session, const std::string& purchase) {
    FS_ASSIGN(auto buyer, actor<client::Buyer>(session));
    FS_ASSIGN(const auto refunded, buyer.refund(purchase));
    return Answer{.json = to_json(refunded), .text = to_text(refunded)};
}

Result<Answer> purchase_list(Session& session, std::uint32_t limit) {
    FS_ASSIGN(auto buyer, actor<client::Buyer>(session));
    FS_ASSIGN(const auto page, buyer.purchases("", limit));
    Answer answer{.json = {}, .text = page.purchases_size() == 0 ? "no purchases" : ""};
    boost::json::array purchases;
    for (const auto& purchase : page.purchases()) {
        purchases.push_back(to_json(purchase));
        answer.text += to_text(purchase);
    }
    answer.json = {{"purchases", std::move(purchases)}};
    return answer;
}

Result<Answer> purchase_show(Session& session, const std::string& purchase) {
    FS_ASSIGN(auto asking, anyone<client::Buyer>(session));
    FS_ASSIGN(const auto found, asking.purchase(purchase));
    return Answer{.json = to_json(found), .text = to_text(found)};
}

Result<Answer> tx_show(Session& session, const std::string& id) {
    FS_ASSIGN(const auto bytes, base::from_hex(id));
    if (bytes.size() != 32) return fail("bad_id", "a transaction id is 64 hex digits");
    FS_ASSIGN(auto* connection, session.connect());
    FS_ASSIGN(const auto found, connection->ledger().transaction(bytes));
    FS_ASSIGN(const auto transaction, ledger::proto::decode<ledger::proto::Transaction>(as_bytes(found.transaction())));
    FS_ASSIGN(const auto proposal,
              ledger::proto::decode<ledger::proto::Proposal>(as_bytes(transaction.signed_proposal().proposal())));
    FS_ASSIGN(const auto result, ledger::proto::decode<ledger::proto::ProposalResult>(as_bytes(transaction.result())));
    boost::json::array endorsers, events, writes;
    for (const auto& endorsement : transaction.endorsements()) endorsers.emplace_back(endorsement.node());
    for (const auto& event : result.events()) events.emplace_back(event.contract() + "." + event.name());
    for (const auto& write : result.writes()) writes.emplace_back(write.key());
    const auto code = ledger::proto::ValidationCode_Name(found.outcome().code());
    const auto creator = proposal.creator().has_certificate() ? "a member certificate" : proposal.creator().did();
    return Answer{
        .json = {{"transaction", id},
                 {"block", found.block()},
                 {"index", found.index()},
                 {"time", base::to_rfc3339(base::from_us(found.time_us()))},
                 {"code", code},
                 {"reason", found.outcome().reason()},
                 {"contract", proposal.contract()},
                 {"function", proposal.function()},
                 {"creator", creator},
                 {"endorsed_by", std::move(endorsers)},
                 {"events", std::move(events)},
                 {"writes", std::move(writes)}},
        .text = fmt::format("{}  {}.{}  by {}\nblock {} position {} at {}: {} {}\n", id, proposal.contract(),
                            proposal.function(), creator, found.block(), found.index(),
                            base::to_rfc3339(base::from_us(found.time_us())), code, found.outcome().reason())};
}

}  // namespace fairstream::marketplace_dapp::cli
