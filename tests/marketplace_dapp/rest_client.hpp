#pragma once

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <set>

#include "base/encoding.hpp"
#include "base/net/http.hpp"
#include "identity/crypto/keys.hpp"
#include "identity/did/did_key.hpp"
#include "tests/marketplace_dapp/openapi_check.hpp"
#include "tests/network/consortium.hpp"

namespace fairstream::tests {

/// The DApp of a network of one organisation, asked as any client would; keeps account of which operations it did.
class Dapp {
public:
    Dapp() {
        net_.up({"--orgs", "1", "--operators", "1"});
        url_ = net_.ok({"network", "status"}).json().at("dapp").at("url").as_string().c_str();
        http_ = std::make_unique<base::net::HttpClient>(read_all(net_.dir() / "net/public/roots.pem"));
        const auto description = http_->request("GET", url_ + "/openapi.json", {}, "", std::chrono::seconds(30));
        REQUIRE(description);
        check_.emplace(boost::json::parse(description->body));
        get("/openapi.json", 200);
    }

    /// Every answer is held to the description.
    boost::json::value request(const std::string& method, const std::string& target, const std::string& body,
                               std::optional<int> status, const std::map<std::string, std::string>& headers = {}) {
        const auto response = http_->request(method, url_ + target, headers, body, std::chrono::seconds(30));
        INFO(method << " " << target << (response ? response->body : response.error().message));
        REQUIRE(response);
        if (status) CHECK(response->status == *status);
        if (response->status == 204) {
            called_.insert(check_->operation(method, target));
            return nullptr;
        }
        const auto type = response->headers.at("content-type");
        const bool is_json = type.find("json") != std::string::npos;
        const auto value =
            is_json ? boost::json::parse(response->body) : boost::json::value(boost::json::string(response->body));
        const auto path = target.substr(0, target.find('?'));
        if (const auto operation = check_->operation(method, path); !operation.empty()) {
            for (const auto& fault : check_->faults(method, path, response->status, type, value)) FAIL_CHECK(fault);
            if (response->status == 200) called_.insert(operation);
        }
        if (response->status < 300) return value;
        CHECK(type == "application/problem+json");
        CHECK(value.at("status").as_int64() == response->status);
        CHECK(value.as_object().contains("retryable"));
        return value;
    }
    boost::json::value get(const std::string& target, int status) { return request("GET", target, "", status); }
    boost::json::value post(const std::string& target, const boost::json::value& body, int status,
                            const std::map<std::string, std::string>& headers = {}) {
        return request("POST", target, boost::json::serialize(body), status, headers);
    }

    boost::json::value prepare(const identity::crypto::SigningKey& key, const std::string& contract,
                               const std::string& function, const boost::json::value& arguments) {
        return post("/api/v1/transactions:prepare",
                    {{"contract", contract},
                     {"function", function},
                     {"arguments", arguments},
                     {"creator", identity::did::did_from_key(key.public_key())}},
                    200);
    }
    static boost::json::value sign(const identity::crypto::SigningKey& key, const boost::json::value& prepared) {
        const auto proposal = base::from_base64url(std::string(prepared.at("proposal").as_string())).value();
        const auto input = identity::crypto::signing_input("proposal/v1", "fairstream-local", proposal);
        CHECK(base::to_base64url(input) == prepared.at("signing_input").as_string());
        CHECK(base::to_hex(identity::crypto::sha256(proposal)) == prepared.at("id").as_string());
        return {{"proposal", prepared.at("proposal")}, {"signature", base::to_base64url(key.sign(input))}};
    }
    boost::json::value submit(const identity::crypto::SigningKey& key, const std::string& contract,
                              const std::string& function, const boost::json::value& arguments) {
        return post("/api/v1/transactions:submit", sign(key, prepare(key, contract, function, arguments)), 200);
    }
    void wait_for_height(std::int64_t height) {
        wait_until("the read model", [&] { return get("/healthz", 200).at("height").as_int64() >= height; });
    }

    /// SIGKILL.
    void kill() const {
        const auto pid = static_cast<pid_t>(net_.ok({"network", "status"}).json().at("dapp").at("pid").as_int64());
        REQUIRE(pid > 1);
        REQUIRE(::kill(pid, SIGKILL) == 0);
        wait_until("the DApp is gone", [&] { return ::kill(pid, 0) != 0; });
    }
    bool ready() const {
        const auto response = http_->request("GET", url_ + "/healthz", {}, "", std::chrono::seconds(5));
        return response && response->status == 200;
    }

    const Consortium& net() const { return net_; }
    const std::string& url() const { return url_; }
    /// Operations of the description that have been called and answered well, and all of them.
    const std::set<std::string>& called() const { return called_; }
    std::set<std::string> described() const { return check_->operations(); }

private:
    Consortium net_;
    std::string url_;
    std::unique_ptr<base::net::HttpClient> http_;
    std::optional<OpenapiCheck> check_;
    std::set<std::string> called_;
};

}  // namespace fairstream::tests
