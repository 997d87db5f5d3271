#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>

#include "chaincode/schema/marketplace.pb.h"
#include "marketplace_dapp/client/actor.hpp"

namespace fairstream::marketplace_dapp::client {

struct StreamStatus {
    std::uint64_t readings = 0;        // written in this run
    std::uint64_t stored_through = 0;  // the highest number that a quorum of operators holds
    std::uint32_t key_epoch = 0;
    std::uint32_t batches = 0;  // recorded in this run
    std::string operator_name;  // the one that takes the frames now
    std::string trouble;        // what the ledger answered to a step that is tried again; empty: all is well
};

struct StreamRequest {
    std::string offer;  // of mode "stream"
    /// Where the session is kept until all of it is recorded: its spool and, mode 0600, its keys. One folder per
    /// seller.
    std::filesystem::path state;
    std::chrono::milliseconds key_epoch{60'000};           // how long a key lasts; 2 s at least
    std::function<void(const StreamStatus&)> on_status{};  // on the calling thread, when something has changed
};

struct Streamed {
    StreamStatus status;
    std::string stream_id;
    bool resumed = false;  // an interrupted session was gone on with
};

/// A live stream's seller: writes readings, rolls key epochs, and records each closed one as a batch, without ever
/// holding up the flow for the ledger. A session that was interrupted, even by a crash, goes on where it stopped when
/// it is opened again: what was spooled is neither lost nor sent under another number. One thread.
class Streamer {
public:
    /// Takes up the session in `state`, or begins one: token, draw, first key epoch. Errors: wrong_mode, not_seller,
    /// bad_options, in_use (another process streams this offer), and those of the parts.
    static Result<std::unique_ptr<Streamer>> open(Connection& connection, const ledger::client::Identity& seller,
                                                  StreamRequest request);
    ~Streamer();

    /// One reading, at most 1 MiB; an empty one is passed over. Errors: too_large, and those of `pump`.
    Status write(ByteView reading);
    /// Sends, listens, rolls and records what is due; waits up to `wait` for something to come. To be called every few
    /// ten milliseconds. Errors: of the operators (Writer), and what the ledger keeps refusing for `kPatience`.
    Status pump(std::chrono::milliseconds wait);
    /// Ends the session: closes the key epoch, waits until all of it is stored and recorded, clears its state.
    Result<Streamed> finish();

    static constexpr std::chrono::seconds kPatience{120};

private:
    struct Impl;
    explicit Streamer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace fairstream::marketplace_dapp::client
