#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "base/net/http_message.hpp"

namespace fairstream::base::net {

/// What waits to be sent of a streamed body. Shared by its writer and its connection, which outlive one another.
class OutgoingBody {
public:
    /// True if the connection has to be woken.
    bool put(std::string_view bytes, bool& taken) {
        const std::lock_guard lock(mutex_);
        taken = open_ && !closing_;
        if (taken && !bytes.empty()) waiting_ += write_chunk(bytes);
        return taken && !std::exchange(woken_, true);
    }
    bool close() {
        const std::lock_guard lock(mutex_);
        if (!open_ || std::exchange(closing_, true)) return false;
        waiting_ += write_chunk({});
        return !std::exchange(woken_, true);
    }
    /// The client is gone.
    void drop() {
        const std::lock_guard lock(mutex_);
        open_ = false;
        waiting_.clear();
    }
    /// What to send now; `last` if nothing comes after it.
    std::string take(bool& last) {
        const std::lock_guard lock(mutex_);
        last = closing_;
        woken_ = false;
        sending_ = waiting_.size();
        return std::exchange(waiting_, {});
    }
    std::size_t waiting() const {
        const std::lock_guard lock(mutex_);
        return waiting_.size() + sending_;
    }
    bool open() const {
        const std::lock_guard lock(mutex_);
        return open_ && !closing_;
    }

private:
    mutable std::mutex mutex_;
    std::string waiting_;
    std::size_t sending_ = 0;
    bool open_ = true, closing_ = false, woken_ = false;
};

}  // namespace fairstream::base::net
