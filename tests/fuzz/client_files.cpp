/// Files that sellers, buyers, custodians and operators keep between two runs. The first byte says which; records that
/// carry checksums may get right ones.
#include "base/checksum.hpp"
#include "marketplace_dapp/client/profile.hpp"
#include "marketplace_dapp/client/read_log.hpp"
#include "marketplace_dapp/client/stream_journal.hpp"
#include "marketplace_dapp/client/upload_journal.hpp"
#include "mqtt_bridge/client/spool.hpp"
#include "security_manager/custodian/release_queue.hpp"
#include "tests/fuzz/files.hpp"
#include "tests/fuzz/input.hpp"

using namespace fairstream;
namespace client = marketplace_dapp::client;

namespace {

void spool(tests::Input input) {
    const auto place = tests::emptied_folder();
    Bytes journal(32, 0);
    while (!input.empty()) {
        auto body = input.bytes();
        base::append_u32(journal, static_cast<std::uint32_t>(body.size()));
        append(journal, identity::crypto::sha256(body));
        append(journal, body);
        if (input.byte() == 0) break;
    }
    append(journal, input.rest());
    tests::put(place / "journal", journal);
    tests::put(place / "stored", input.rest());
    for (int times = 0; times < 2; ++times)  // what the first opening cut off must not hinder the second
        static_cast<void>(mqtt_bridge::client::Spool::open(place, {}, 1, {}, /*keep=*/true));
}

void read_log(tests::Input input) {
    const auto place = tests::emptied_folder();
    tests::put(place / "base.yaml", input.bytes());
    Bytes entries;
    while (!input.empty()) {
        auto record = to_bytes(input.take(56));
        record.resize(56);
        base::append_u32(record, base::crc32c(record));
        append(entries, record);
        if (input.byte() == 0) break;
    }
    append(entries, input.rest());
    tests::put(place / "entries", entries);
    auto log = client::ReadLog::open(place, {"op1", "op2"});
    if (!log) return;
    for (const auto& [number, epoch] : std::map(log->epochs())) {
        static_cast<void>(epoch.leaves.root());
        static_cast<void>(log->checked(number));
    }
    log = fail("closed", "before it is opened again");
    if (!client::ReadLog::open(place, {"op1", "op2"})) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    tests::Input input(data, size);
    switch (input.byte() % 6) {
        case 0:
            spool(input);
            break;
        case 1:
            read_log(input);
            break;
        case 2: {
            const auto place = tests::emptied_folder();
            tests::put(place / "journal.yaml", input.rest());
            static_cast<void>(client::UploadJournal::load(place));
            break;
        }
        case 3: {
            const auto place = tests::emptied_folder();
            tests::put(place / "journal.yaml", input.rest());
            static_cast<void>(client::StreamJournal::load(place));
            break;
        }
        case 4: {
            const auto place = tests::emptied_folder();
            std::filesystem::create_directories(place / "public");
            tests::put(place / "public" / "network.yaml", input.rest());
            tests::put(place / "public" / "roots.pem", {});
            static_cast<void>(client::Profile::load(place));
            break;
        }
        default:
            static_cast<void>(security_manager::custodian::Position::from_text(as_text(input.rest())));
            static_cast<void>(client::parse_address(as_text(input.rest())));
    }
    return 0;
}
