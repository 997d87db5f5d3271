// Where no fuzzer is linked: runs a target over every file of a corpus folder, so that what was found stays found, and
// over some thousand small changes of each, always the same ones. libFuzzer itself is `./dev fuzz`.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr int kChangesPerFile = 1500;
constexpr std::size_t kMaxBytes = 4096;

std::vector<char> now_running;

/// Leaves the input that stopped the target in a file beside the program's working folder.
void on_crash(int signal) {
    std::ofstream("fuzz-crash.bin", std::ios::binary)
        .write(now_running.data(), static_cast<std::streamsize>(now_running.size()));
    std::fprintf(stderr, "signal %d; the input is in fuzz-crash.bin\n", signal);
    ::_exit(1);
}

void run(const std::vector<char>& input) {
    now_running = input;
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

void change(std::vector<char>& input, std::mt19937& random) {
    for (unsigned changes = 1 + random() % 4; changes > 0; --changes) {
        const auto at = input.empty() ? 0 : random() % input.size();
        switch (random() % 5) {
            case 0:
                if (!input.empty()) input[at] = static_cast<char>(input[at] ^ (1 << random() % 8));
                break;
            case 1:
                if (!input.empty()) input[at] = static_cast<char>(random());
                break;
            case 2:
                input.insert(input.begin() + static_cast<std::ptrdiff_t>(at), static_cast<char>(random()));
                break;
            case 3:
                input.resize(at);
                break;
            default: {
                const std::vector<char> again(input.begin() + static_cast<std::ptrdiff_t>(at), input.end());
                input.insert(input.end(), again.begin(), again.end());
            }
        }
    }
    if (input.size() > kMaxBytes) input.resize(kMaxBytes);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    for (const int signal : {SIGABRT, SIGSEGV, SIGFPE, SIGBUS}) std::signal(signal, on_crash);
    std::mt19937 random(1);
    int inputs = 0;
    for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
        std::ifstream in(entry.path(), std::ios::binary);
        const std::vector<char> bytes{std::istreambuf_iterator<char>(in), {}};
        run(bytes);
        ++inputs;
        if (bytes.size() > kMaxBytes) continue;
        for (int i = 0; i < kChangesPerFile; ++i) {
            auto changed = bytes;
            change(changed, random);
            run(changed);
        }
    }
    std::printf("%d inputs\n", inputs);
    return inputs > 0 ? 0 : 1;
}
