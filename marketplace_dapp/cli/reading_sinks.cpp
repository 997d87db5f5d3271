#include "marketplace_dapp/cli/reading_sinks.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cerrno>
#include <cstring>

#include "base/clock.hpp"
#include "base/encoding.hpp"

namespace fairstream::marketplace_dapp::cli {

namespace {

/// RFC 3629, well enough to decide how a reading is shown.
bool is_utf8(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const auto lead = static_cast<unsigned char>(text[i]);
        const std::size_t more = lead < 0x80 ? 0 : lead >> 5 == 6 ? 1 : lead >> 4 == 14 ? 2 : lead >> 3 == 30 ? 3 : 4;
        if (more == 4 || text.size() - i <= more) return false;
        for (std::size_t k = 1; k <= more; ++k)
            if ((static_cast<unsigned char>(text[i + k]) & 0xc0) != 0x80) return false;
        i += more + 1;
    }
    return true;
}

/// All of it, wherever `fd` stands.
Status write_out(int fd, std::string_view text) {
    while (!text.empty()) {
        const auto wrote = ::write(fd, text.data(), text.size());
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return fail("io_error", std::string("cannot write the readings: ") + std::strerror(errno));
        text.remove_prefix(static_cast<std::size_t>(wrote));
    }
    return {};
}

class TextSink : public client::ReadingSink {
public:
    explicit TextSink(bool json) : json_(json) {}
    Status write(const client::Reading& reading) override {
        const auto before = pending_.size();
        pending_ += json_ ? to_json_line(reading) : std::string(reading.text);
        pending_ += '\n';
        end_ += pending_.size() - before;
        return {};
    }

protected:
    bool json_;
    std::string pending_;
    std::uint64_t end_ = 0;
};

class FileSink : public TextSink {
public:
    FileSink(base::FileDescriptor file, std::filesystem::path path, bool json)
        : TextSink(json), file_(std::move(file)), path_(std::move(path)) {}

    Status flush() override {
        FS_TRY(write_out(file_.get(), pending_));
        pending_.clear();
        return {};
    }
    std::uint64_t end() const override { return end_; }
    Status resume(std::uint64_t end) override {
        struct stat info {};
        if (::fstat(file_.get(), &info) != 0) return fail("io_error", "cannot read " + path_.string());
        if (static_cast<std::uint64_t>(info.st_size) < end)
            return fail("output_differs", path_.string() + " has " + std::to_string(info.st_size) + " bytes, and " +
                                              std::to_string(end) +
                                              " were written before: give the file that an earlier run wrote");
        if (::ftruncate(file_.get(), static_cast<off_t>(end)) != 0 ||
            ::lseek(file_.get(), static_cast<off_t>(end), SEEK_SET) < 0)
            return fail("io_error", "cannot go on in " + path_.string());
        end_ = end;
        return {};
    }

private:
    base::FileDescriptor file_;
    std::filesystem::path path_;
};

class OutputSink : public TextSink {
public:
    using TextSink::TextSink;
    Status flush() override {
        FS_TRY(write_out(STDOUT_FILENO, pending_));
        pending_.clear();
        return {};
    }
    /// A file that an earlier run wrote can be gone on with later, where that run left it.
    std::uint64_t end() const override { return file_end_; }
    Status resume(std::uint64_t end) override {
        file_end_ = end;
        return {};
    }

private:
    std::uint64_t file_end_ = 0;
};

}  // namespace

std::string to_json_line(const client::Reading& reading) {
    boost::json::object line{{"event", "reading"},
                             {"sequence", reading.sequence},
                             {"time", base::to_rfc3339(base::from_us(reading.time_us))}};
    if (is_utf8(reading.text))
        line["reading"] = reading.text;
    else
        line["base64"] = base::to_base64(as_bytes(reading.text));
    return boost::json::serialize(line);
}

Result<std::unique_ptr<client::ReadingSink>> file_sink(const std::filesystem::path& file, bool json) {
    base::FileDescriptor opened(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    if (!opened) return fail("io_error", "cannot open " + file.string() + ": " + std::strerror(errno));
    return std::unique_ptr<client::ReadingSink>(std::make_unique<FileSink>(std::move(opened), file, json));
}

std::unique_ptr<client::ReadingSink> output_sink(bool json) {
    return std::make_unique<OutputSink>(json);
}

}  // namespace fairstream::marketplace_dapp::cli
