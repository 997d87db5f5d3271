#pragma once

#include <boost/json/object.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/net/loop.hpp"
#include "base/result.hpp"
#include "identity/crypto/keys.hpp"
#include "marketplace_dapp/client/actor.hpp"

namespace fairstream::marketplace_dapp::cli {

/// What a command answers: `json` with --json, `text` without.
struct Answer {
    boost::json::object json;
    std::string text;
    bool aside = false;  // the text goes to standard error: standard output is the data's
};

/// The options that every verb takes, and what is opened with them only when a verb needs it.
class Session {
public:
    std::filesystem::path network = ".network";  // --network, --dir, FAIRSTREAM_NETWORK
    std::string as;                              // --as
    std::filesystem::path passphrase_file;       // --passphrase-file
    bool json = false;                           // --json

    /// <network>/keys/<name>.key. Errors: bad_name.
    Result<std::filesystem::path> key_file(const std::string& name) const;
    /// The key of --as. Errors: no_key (with how to make one), wrong_passphrase.
    Result<identity::crypto::SigningKey> key() const;
    /// The key of --as, or a new one where anyone may ask.
    Result<identity::crypto::SigningKey> key_or_anyone() const;
    Result<std::string> passphrase() const;
    /// Errors: those of Profile::load.
    Result<client::Connection*> connect();
    /// Where unfinished uploads of --as wait.
    std::filesystem::path state() const { return network / "state" / as; }

    /// Draws a progress bar on standard error if it is a terminal and --json is off.
    client::OnProgress progress() const;

private:
    std::unique_ptr<base::net::Loop> loop_;
    std::unique_ptr<client::Connection> connection_;
};

/// A verb's work. The exit code is 0, or 1 with the error on standard error.
using Command = std::function<Result<Answer>()>;

/// A line of JSON from a verb that answers as it goes on; nothing without --json. Error: io_error.
Status tell(const Session& session, const boost::json::object& event);

/// Prints the answer or the error as --json asks; returns the exit code.
int report(const Session& session, const Result<Answer>& answer);

}  // namespace fairstream::marketplace_dapp::cli
