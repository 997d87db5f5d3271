#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/net/loop_scope.hpp"
#include "base/result.hpp"

namespace fairstream::network {

/// Looks every two seconds whether files have other contents than before: what a running program takes up without a
/// restart. Small text files, as configs and certificates. Calls, and is ended, on the loop thread.
class FileWatch {
public:
    /// `take` hears which of the files have changed since it last succeeded. Where it fails it is asked again at every
    /// look, since what is wrong may be mended in another file, and the log says so once.
    using Take = std::function<Status(const std::set<std::filesystem::path>&)>;
    FileWatch(base::net::Loop& loop, std::vector<std::filesystem::path> files, Take take);
    ~FileWatch() { scope_.close(); }

private:
    void later();
    void look();

    base::net::LoopScope scope_;
    const Take take_;
    std::map<std::filesystem::path, std::string> known_;
    std::set<std::filesystem::path> changed_;
    std::string said_;
};

}  // namespace fairstream::network
