#include "network/file_watch.hpp"

#include "base/log.hpp"
#include "network/program.hpp"

namespace fairstream::network {

namespace fs = std::filesystem;

namespace {

constexpr std::chrono::seconds kLookEvery{2};

}  // namespace

FileWatch::FileWatch(base::net::Loop& loop, std::vector<fs::path> files, Take take)
    : scope_(loop), take_(std::move(take)) {
    for (auto& file : files) {
        auto contents = read_pem(file).value_or("");
        known_.emplace(std::move(file), std::move(contents));
    }
    scope_.post([this] { later(); });
}

void FileWatch::later() {
    scope_.after(kLookEvery, [this] {
        look();
        later();
    });
}

void FileWatch::look() {
    for (auto& [file, contents] : known_) {
        auto now = read_pem(file).value_or("");
        if (now == contents) continue;
        contents = std::move(now);
        changed_.insert(file);
    }
    if (changed_.empty()) return;
    if (const auto taken = take_(changed_); taken) {
        changed_.clear();
        said_.clear();
    } else if (taken.error().message != said_) {
        said_ = taken.error().message;
        base::log_error("what has changed in {} is not used: {} ({})", changed_.begin()->string(), said_,
                        taken.error().code);
    }
}

}  // namespace fairstream::network
