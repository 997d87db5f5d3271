#pragma once

#include <google/protobuf/message.h>

#include <boost/json/object.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "base/net/http.hpp"
#include "ledger/client/client.hpp"
#include "marketplace_dapp/client/profile.hpp"

namespace fairstream::marketplace_dapp::client {

/// A DApp's REST interface, for who reads and trades through it instead of a gateway. The DApp prepares what is to be
/// signed, and is not trusted with it: every part of the proposal is compared with what was asked for before the
/// actor's key signs, here. Blocking; one thread.
class DappClient {
public:
    /// Of the DApp that the network's profile names. Error: no_dapp.
    static Result<DappClient> of(const Profile& profile);
    /// `url` like https://127.0.0.1:8443; `trusted_roots` in PEM; `channel` is what signatures are bound to.
    DappClient(std::string url, std::string trusted_roots, std::string channel)
        : url_(std::move(url)),
          channel_(std::move(channel)),
          http_(std::make_unique<base::net::HttpClient>(std::move(trusted_roots))) {}

    /// GET `path` with `query`. Errors: the DApp's own code, bad_answer, those of the transport.
    Result<boost::json::object> get(const std::string& path, const std::map<std::string, std::string>& query = {});

    /// Prepares, compares, signs and submits; answers once it is committed. Functions without private inputs. Errors:
    /// tampered_proposal (the DApp prepared another transaction than the one asked for: nothing was signed), validation
    /// codes of the ledger, and as `get`.
    template <typename Reply>
    Result<Reply> submit(const ledger::client::Identity& who, const std::string& contract, const std::string& function,
                         const google::protobuf::Message& request) {
        Reply reply;
        FS_TRY(submit(who, contract, function, request, reply));
        return reply;
    }

private:
    Status submit(const ledger::client::Identity& who, const std::string& contract, const std::string& function,
                  const google::protobuf::Message& request, google::protobuf::Message& reply);
    Result<boost::json::object> call(const std::string& method, const std::string& path, const std::string& body,
                                     std::chrono::milliseconds timeout);

    std::string url_, channel_;
    std::unique_ptr<base::net::HttpClient> http_;
};

}  // namespace fairstream::marketplace_dapp::client
