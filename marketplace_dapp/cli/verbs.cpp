#include "marketplace_dapp/cli/verbs.hpp"

#include <CLI/CLI.hpp>
#include <map>

#include "marketplace_dapp/cli/actions.hpp"
#include "marketplace_dapp/cli/live_actions.hpp"
#include "marketplace_dapp/cli/search.hpp"
#include "marketplace_dapp/cli/trust_actions.hpp"

namespace fairstream::marketplace_dapp::cli {

namespace {

constexpr std::int64_t kMaxAmountMicro = 1'000'000'000'000'000'000;
constexpr std::int64_t kFaucetDefaultMicro = 100'000'000;

/// What the options of the verbs are parsed into; lives as long as the parser's callbacks.
struct Values {
    std::string name, who, to, memo, offer, purchase, transaction, topic;
    std::int64_t amount_micro = kFaucetDefaultMicro;
    std::uint32_t limit = 100;
    std::filesystem::path file, output, credential;
    CredentialOptions issue;
    OfferOptions draft;
    SearchOptions search;
    BuyOptions buy;
    StreamOptions stream;
    SubscribeOptions subscribe;
    std::uint32_t windows = 1;
    RatingOptions rating;
    std::uint64_t epoch = 0;
};
using Shared = std::shared_ptr<Values>;

class Verbs {
public:
    Verbs(CLI::App& app, Session& session, Command& chosen) : app_(app), session_(session), chosen_(chosen) {}

    void add_all() {
        add_identity();
        add_wallet();
        add_offers();
        add_trade();
        add_live();
        add_trust();
    }

private:
    /// A verb with its help, an example, and what it does.
    CLI::App* verb(CLI::App& parent, const char* name, const char* help, const char* example, Command work) {
        auto* sub = parent.add_subcommand(name, help);
        sub->fallthrough();
        sub->footer(std::string("Example:\n  ") + example);
        sub->callback([this, work = std::move(work)] { chosen_ = work; });
        return sub;
    }
    CLI::App* group(const char* name, const char* help) {
        auto* sub = app_.add_subcommand(name, help);
        sub->fallthrough();
        sub->require_subcommand(1);
        return sub;
    }
    static CLI::Option* amount(CLI::App* sub, const char* name, std::int64_t& value, const char* help) {
        return sub->add_option(name, value, help)->check(CLI::Range(std::int64_t{1}, kMaxAmountMicro));
    }

    /// A length of time with its unit: 500ms, 20s, 5m, 1h, 1d.
    static CLI::Option* duration(CLI::App* sub, const char* name, std::chrono::milliseconds& value, const char* help) {
        static const std::map<std::string, std::int64_t> kUnits{
            {"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
        const auto parse = [&value](const std::string& text) {
            std::string milliseconds = text;
            const auto wrong = CLI::AsNumberWithUnit(kUnits, CLI::AsNumberWithUnit::UNIT_REQUIRED)(milliseconds);
            if (!wrong.empty()) throw CLI::ValidationError(wrong);
            value = std::chrono::milliseconds(std::stoll(milliseconds));
        };
        return sub->add_option_function<std::string>(name, parse, help)->type_name("TIME");
    }

    void add_identity() {
        auto v = values_;
        auto* id = group("id", "Keys of this machine's users");
        verb(*id, "new", "Make a key; prints its DID", "fairstream id new acme",
             [this, v] { return id_new(session_, v->name); })
            ->add_option("name", v->name, "A name for the key")
            ->required();
        verb(*id, "show", "Show a key's DID and DID document", "fairstream id show acme --json",
             [this, v] { return id_show(session_, v->name); })
            ->add_option("name", v->name, "The key's name")
            ->required();

        auto* credential = group("credential", "Verifiable credentials");
        auto* issue = verb(*credential, "issue", "Vouch for a DID; prints the credential (VC 2.0 as JWT)",
                           "fairstream credential issue --as issuer1 --subject did:key:zDn... > acme.vc",
                           [this, v] { return credential_issue(session_, v->issue); });
        issue->add_option("--subject", v->issue.subject, "The DID it is about")->required();
        issue->add_option("--type", v->issue.type, "Its type, beside VerifiableCredential")->capture_default_str();
        issue->add_option("--days", v->issue.days, "How long it is valid")
            ->check(CLI::Range(1, 3650))
            ->capture_default_str();

        auto* reg = group("register", "Join the market");
        auto* seller = verb(*reg, "seller", "Register as a seller; a credential by a trusted issuer is needed",
                            "fairstream register seller --as acme --credential acme.vc",
                            [this, v] { return register_actor(session_, "seller", v->credential); });
        seller->add_option("--credential", v->credential, "The credential's file")->check(CLI::ExistingFile);
        auto* client = verb(*reg, "client", "Register as a client; with a credential, as a verified one",
                            "fairstream register client --as bob",
                            [this, v] { return register_actor(session_, "client", v->credential); });
        client->add_option("--credential", v->credential, "The credential's file")->check(CLI::ExistingFile);
    }

    void add_wallet() {
        auto v = values_;
        auto* wallet = group("wallet", "Money, in micro-credits");
        verb(*wallet, "balance", "What an account holds", "fairstream wallet balance --as bob", [this, v] {
            return wallet_balance(session_, v->who);
        })->add_option("account", v->who, "A key's name, a DID, or an account such as market; default: --as");
        auto* send = verb(*wallet, "send", "Pay another account", "fairstream wallet send acme 2500000 --as bob",
                          [this, v] { return wallet_send(session_, v->to, v->amount_micro, v->memo); });
        send->add_option("to", v->to, "A key's name or a DID")->required();
        amount(send, "amount", v->amount_micro, "Micro-credits")->required();
        send->add_option("--memo", v->memo, "Public; at most 256 bytes");
        amount(verb(*wallet, "faucet", "Get credits on a test network", "fairstream wallet faucet --as bob",
                    [this, v] { return wallet_faucet(session_, v->amount_micro); }),
               "amount", v->amount_micro, "Micro-credits, at most 1,000,000,000 a call")
            ->capture_default_str();
        verb(*wallet, "audit", "Every account and escrow, and that they add up to the supply",
             "fairstream wallet audit", [this] { return wallet_audit(session_); });
    }

    void add_offers() {
        auto v = values_;
        auto* offer = group("offer", "Data offers");
        auto* create = verb(*offer, "create", "List data for sale",
                            "fairstream offer create --as acme --topic factory/boiler-7 --mode one-off --price 2500000",
                            [this, v] { return offer_create(session_, v->draft); });
        auto& draft = v->draft;
        create->add_option("--topic", draft.topic, "Like city/traffic")->required();
        create->add_option("--mode", draft.mode, "How it is paid")
            ->check(CLI::IsMember({"one-off", "stream"}))
            ->capture_default_str();
        duration(create, "--window", draft.window, "Of mode stream: how much time one price buys, like 60s, 1h, 1d");
        create->add_option("--price", draft.price_micro, "Per batch or window, in micro-credits")
            ->check(CLI::Range(std::int64_t{0}, kMaxAmountMicro))
            ->required();
        create->add_option("--title", draft.title, "One line");
        create->add_option("--description", draft.description, "What the data is");
        create->add_option("--tag", draft.tags, "May be given several times");
        create->add_option("--content-type", draft.content_type, "Like application/senml+json");
        create->add_option("--unit", draft.unit, "Of the readings");
        create->add_option("--latitude", draft.latitude, "Degrees");
        create->add_option("--longitude", draft.longitude, "Degrees");
        create->add_flag("--verified-only", draft.verified_only, "Only clients with a credential may buy");
        create->add_option("--minimum-trust", draft.minimum_trust, "Of buyers, in millionths")
            ->check(CLI::Range(0, 1'000'000));
        create->add_option("--licence", draft.licence, "A file with an ODRL policy")->check(CLI::ExistingFile);
        auto* list = verb(*offer, "list", "What is for sale", "fairstream offer list --topic factory/",
                          [this, v] { return offer_list(session_, v->topic, v->limit); });
        list->add_option("--topic", v->topic, "Only topics that begin so");
        list->add_option("--limit", v->limit, "At most so many")->check(CLI::Range(1, 1000))->capture_default_str();
        add_search(*offer);
        verb(*offer, "show", "One offer and its batches", "fairstream offer show OFFER",
             [this, v] { return offer_show(session_, v->offer); })
            ->add_option("offer", v->offer, "Its id")
            ->required();
    }

    void add_search(CLI::App& offer) {
        auto v = values_;
        auto* search = verb(offer, "search", "Find offers through the network's DApp, by words, place, price or trust",
                            "fairstream offer search boiler --near 52.52,13.40 --radius 25 --mode stream",
                            [this, v] { return offer_search(session_, v->search); });
        auto& wanted = v->search;
        search->add_option("words", wanted.text, "In title, topic, tags or description: words, \"a phrase\", -without");
        search->add_option("--topic", wanted.topic, "Only topics that begin so");
        search->add_option("--near", wanted.near, "LATITUDE,LONGITUDE in degrees; nearest first");
        search->add_option("--radius", wanted.radius_km, "Around --near, in km")->capture_default_str();
        search->add_option("--mode", wanted.mode, "one-off or stream");
        search->add_option("--max-price", wanted.max_price_micro, "In micro-credits");
        search->add_option("--min-trust", wanted.min_trust, "Of the seller, in millionths")
            ->check(CLI::Range(0, 1'000'000));
        search->add_flag("--verified", wanted.verified, "Only sellers with a valid credential");
        search->add_option("--limit", wanted.limit, "At most so many")
            ->check(CLI::Range(1, 200))
            ->capture_default_str();
    }

    void add_buy_options(CLI::App* sub) {
        auto v = values_;
        sub->add_option("offer", v->buy.offer, "Its id")->required();
        sub->add_option("--batch", v->buy.batch, "Which batch; 0: the newest")->capture_default_str();
        sub->add_option("--windows", v->buy.windows,
                        "Of an offer of mode stream: for how many windows of time; default: 1")
            ->check(CLI::Range(1, 1000));
        sub->add_option("--after", v->buy.after, "Of an offer of mode stream: the purchase to renew, where it ends");
        sub->add_option("--request-id", v->buy.request_id, "Makes a retry pay once; default: a new one");
    }

    void add_trade() {
        auto v = values_;
        auto* up = verb(app_, "upload", "Encrypt a file and store it on the operators, as a batch of an offer",
                        "fairstream upload readings.json --as acme --offer OFFER",
                        [this, v] { return upload(session_, v->file, v->offer); });
        up->add_option("file", v->file, "What to sell")->required()->check(CLI::ExistingFile);
        up->add_option("--offer", v->offer, "The offer's id")->required();
        add_buy_options(verb(app_, "buy", "Pay into escrow for a batch", "fairstream buy OFFER --as bob",
                             [this, v] { return buy(session_, v->buy); }));
        auto* fetching = verb(app_, "fetch", "Fetch, decrypt and check what was bought; pays the seller",
                              "fairstream fetch PURCHASE -o readings.json --as bob",
                              [this, v] { return fetch(session_, v->purchase, v->output); });
        fetching->add_option("purchase", v->purchase, "Its id")->required();
        fetching->add_option("-o,--output", v->output, "Where to write it")->required();
        auto* getting = verb(app_, "get", "Buy, wait for the keys, fetch, decrypt and check in one call",
                             "fairstream get OFFER -o readings.json --as bob",
                             [this, v] { return get(session_, v->buy, v->output); });
        add_buy_options(getting);
        getting->add_option("-o,--output", v->output, "Where to write it")->required();
        verb(app_, "refund", "Take back what was not delivered in time", "fairstream refund PURCHASE --as bob",
             [this, v] { return refund(session_, v->purchase); })
            ->add_option("purchase", v->purchase, "Its id")
            ->required();
        auto* purchases = group("purchase", "What was bought");
        verb(*purchases, "list", "Purchases of --as", "fairstream purchase list --as bob",
             [this, v] { return purchase_list(session_, v->limit); })
            ->add_option("--limit", v->limit, "At most so many")
            ->check(CLI::Range(1, 1000));
        verb(*purchases, "show", "One purchase", "fairstream purchase show PURCHASE",
             [this, v] { return purchase_show(session_, v->purchase); })
            ->add_option("purchase", v->purchase, "Its id")
            ->required();
        auto* tx = group("tx", "Transactions");
        verb(*tx, "show", "Where a transaction ended up, and what it did", "fairstream tx show ID",
             [this, v] { return tx_show(session_, v->transaction); })
            ->add_option("id", v->transaction, "64 hex digits")
            ->required();
    }

    void add_live() {
        auto v = values_;
        auto* live =
            verb(app_, "stream", "Sell readings as they are born: lines from standard input, or what a command prints",
                 "sensor | fairstream stream --as acme --offer OFFER\n"
                 "  fairstream stream --as acme --offer OFFER --every 20s -- cat /proc/loadavg",
                 [this, v] { return stream(session_, v->stream); });
        live->add_option("--offer", v->stream.offer, "The offer's id; of mode stream")->required();
        duration(live, "--key-epoch", v->stream.key_epoch, "How long a key lasts before the next; 2s at least");
        duration(live, "--every", v->stream.every, "Run the command so often");
        live->add_option("command", v->stream.command, "After --: a command whose output is a reading");
        auto* reading =
            verb(app_, "subscribe",
                 "Read a live stream that was paid for: readings in order, each once, also after an interruption",
                 "fairstream subscribe PURCHASE --as bob -o readings.txt",
                 [this, v] { return subscribe(session_, v->subscribe); });
        reading->add_option("purchase", v->subscribe.purchase, "Its id")->required();
        reading->add_option("-o,--output", v->subscribe.output,
                            "A file to write to; a run that is killed goes on in it without loss or double. Default: "
                            "standard output");
        reading
            ->add_option("--renew", v->subscribe.renew_windows, "Buy so many more windows each time it nears its end")
            ->check(CLI::Range(1, 1000));
        duration(reading, "--operator-timeout", v->subscribe.operator_timeout,
                 "Leave an operator that takes longer to answer for another; 5s if not given");
        auto* renewing = verb(app_, "renew", "Buy more time of a live stream, from where a purchase ends",
                              "fairstream renew PURCHASE --as bob --windows 5",
                              [this, v] { return renew(session_, v->purchase, v->windows); });
        renewing->add_option("purchase", v->purchase, "Its id")->required();
        renewing->add_option("--windows", v->windows, "How many")->check(CLI::Range(1, 1000))->capture_default_str();
    }

    void add_rating_options(CLI::App* sub) {
        auto v = values_;
        sub->add_option("purchase", v->rating.purchase, "Its id")->required();
        sub->add_option("--score", v->rating.score, "0 (bad) to 1000000 (good)")
            ->check(CLI::Range(0, 1'000'000))
            ->required();
        sub->add_option("--of", v->rating.ratee,
                        "A key's or an operator's name, or a DID; default: the other side of the purchase");
    }

    void add_trust() {
        auto v = values_;
        add_rating_options(verb(app_, "rate", "Rate the other side of a finished purchase, hidden until revealed",
                                "fairstream rate PURCHASE --score 900000 --as bob",
                                [this, v] { return rate(session_, v->rating); }));
        auto* trust = group("trust", "Trust scores, and the epochs that ratings become scores in");
        verb(*trust, "show", "The trust score of an actor or operator", "fairstream trust show acme",
             [this, v] { return trust_show(session_, v->who); })
            ->add_option("who", v->who, "A key's or an operator's name, or a DID")
            ->required();
        verb(*trust, "ratings", "The ratings of a purchase", "fairstream trust ratings PURCHASE",
             [this, v] { return trust_ratings(session_, v->purchase); })
            ->add_option("purchase", v->purchase, "Its id")
            ->required();
        verb(*trust, "epoch", "The open trust epoch, or an earlier one", "fairstream trust epoch 3",
             [this, v] { return trust_epoch(session_, v->epoch); })
            ->add_option("epoch", v->epoch, "Its number; 0: the open one")
            ->capture_default_str();
        verb(*trust, "seal", "End the open trust epoch, once it has had its least length", "fairstream trust seal",
             [this] { return trust_seal(session_); });
        add_rating_options(verb(*trust, "reveal", "Reveal a rating once its epoch is sealed, with the score as rated",
                                "fairstream trust reveal PURCHASE --score 900000 --as bob",
                                [this, v] { return trust_reveal(session_, v->rating); }));
        verb(*trust, "compute", "Turn the revealed ratings of sealed epochs into scores", "fairstream trust compute",
             [this] { return trust_compute(session_); });
    }

    CLI::App& app_;
    Session& session_;
    Command& chosen_;
    Shared values_ = std::make_shared<Values>();
};

}  // namespace

void add_common_options(CLI::App& app, Session& session) {
    app.add_option("--network,--dir", session.network, "The network's folder")
        ->envname("FAIRSTREAM_NETWORK")
        ->capture_default_str();
    app.add_option("--as", session.as, "The key that acts, by its name");
    app.add_option("--passphrase-file", session.passphrase_file, "Of that key, if it has one")
        ->check(CLI::ExistingFile);
    app.add_flag("--json", session.json, "Answer in JSON");
}

std::shared_ptr<void> add_market_verbs(CLI::App& app, Session& session, Command& chosen) {
    auto verbs = std::make_shared<Verbs>(app, session, chosen);
    verbs->add_all();
    return verbs;
}

}  // namespace fairstream::marketplace_dapp::cli
