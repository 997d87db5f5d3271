#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/scenario/cluster.hpp"

/// Plays tests/scenario/scenarios/*.scenario: one step a line, as README.md in that folder says.
namespace fairstream::tests::scenario {
namespace {

using Words = std::vector<std::string>;

struct Step {
    int line = 0;
    Words words;
};

std::vector<Step> read(const std::filesystem::path& file) {
    std::ifstream in(file);
    std::vector<Step> out;
    int number = 0;
    for (std::string line; std::getline(in, line);) {
        ++number;
        std::istringstream words(line.substr(0, line.find('#')));
        Step step{number, {}};
        for (std::string word; words >> word;) step.words.push_back(word);
        if (!step.words.empty()) out.push_back(std::move(step));
    }
    return out;
}

/// The word after `name`, or nothing.
std::string after(const Words& words, const std::string& name) {
    const auto at = std::find(words.begin(), words.end(), name);
    return at == words.end() || at + 1 == words.end() ? std::string() : *(at + 1);
}

Words who(const Cluster& cluster, const std::string& word) {
    return word == "all" ? cluster.names() : Words{word};
}

bool is_kind(const std::string& word) {
    return word == "PROPOSE" || word == "PREPARE" || word == "COMMIT" || word == "ROUND-CHANGE";
}

/// expect NODES height H | round R | block H TX... | silent | awake | down | no vote | says [nothing of] KIND |
/// refused CODE | accuses NODE; expect leader NODE
void expect(const Cluster& cluster, const Words& words) {
    if (words.at(1) == "leader") {
        const auto round = after(words, "round");
        CHECK(cluster.leader(round.empty() ? 0 : static_cast<std::uint32_t>(std::stoul(round))) == words.at(2));
        return;
    }
    for (const auto& name : who(cluster, words.at(1))) {
        CAPTURE(name);
        const auto view = cluster.view(name);
        const auto& what = words.at(2);
        if (what == "height") {
            CHECK(view.height == std::stoull(words.at(3)));
        } else if (what == "round") {
            CHECK(view.round == std::stoul(words.at(3)));
        } else if (what == "block") {
            const auto height = std::stoull(words.at(3));
            REQUIRE(view.blocks.size() >= height);
            CHECK(view.blocks[height - 1] == Words(words.begin() + 4, words.end()));
        } else if (what == "silent") {
            CHECK_FALSE(view.timer);
        } else if (what == "awake") {
            CHECK(view.timer);
        } else if (what == "down") {
            CHECK_FALSE(view.up);
        } else if (what == "no") {  // vote
            CHECK_FALSE(view.may_vote);
            CHECK_FALSE(view.up);
        } else if (what == "says") {
            CHECK(cluster.says(name, words.back()) == (words.at(3) != "nothing"));
        } else if (what == "refused") {
            CHECK(view.refused.contains(words.at(3)));
        } else if (what == "accuses") {
            CHECK(view.accused.contains(words.at(3)));
        } else {
            FAIL("no such expectation: " << what);
        }
    }
}

/// disk NODE torn | loses the end | loses the log | loses the guard | is kept | comes back
void harm(Cluster& cluster, const Words& words) {
    const auto& node = words.at(1);
    const auto& last = words.back();
    if (last == "torn") return cluster.tear(node);
    if (last == "end") return cluster.lose_end(node);
    if (last == "log") return cluster.lose_log(node);
    if (last == "guard") return cluster.lose_guard(node);
    if (last == "kept") return cluster.keep_log(node);
    if (last == "back") return cluster.restore_log(node);
    FAIL("no such harm: " << last);
}

void play(Cluster& cluster, const Words& words) {
    const auto& verb = words[0];
    const auto kind = words.size() > 1 && is_kind(words[1]) ? words[1] : std::string();
    if (verb == "submit") {
        for (const auto& name : who(cluster, after(words, "to"))) cluster.submit(name, words.at(1));
    } else if (verb == "deliver" && words.size() > 1 && words[1] == "everything") {
        cluster.deliver_all();
    } else if (verb == "deliver") {
        CHECK(cluster.deliver(kind, after(words, "from"), after(words, "to")) > 0);
    } else if (verb == "drop") {
        CHECK(cluster.drop(kind, after(words, "from"), after(words, "to")) > 0);
    } else if (verb == "timeout") {
        for (const auto& name : who(cluster, words.at(1))) CHECK(cluster.time_out(name));
    } else if (verb == "crash" && words.size() > 2) {  // after its next block
        cluster.crash_after_next_block(words.at(1));
    } else if (verb == "crash") {
        for (const auto& name : who(cluster, words.at(1))) cluster.crash(name);
    } else if (verb == "disk") {
        harm(cluster, words);
    } else if (verb == "restart") {
        for (const auto& name : who(cluster, words.at(1))) cluster.restart(name);
    } else if (verb == "isolate") {
        cluster.isolate(words.at(1));
    } else if (verb == "connect") {
        cluster.connect(words.at(1));
    } else if (verb == "forge") {
        const auto epoch = after(words, "epoch");
        cluster.forge(after(words, "by"),
                      {kind, static_cast<std::uint32_t>(std::stoul(after(words, "round"))), after(words, "for"),
                       epoch.empty() ? 1 : std::stoull(epoch)},
                      after(words, "to"));
    } else if (verb == "expect") {
        expect(cluster, words);
    } else {
        FAIL("no such step: " << verb);
    }
}

TEST_CASE("every scenario goes as it is written") {
    const std::filesystem::path folder = FS_SOURCE_DIR "/tests/scenario/scenarios";
    int played = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().extension() != ".scenario") continue;
        DYNAMIC_SECTION(entry.path().stem().string()) {
            const auto steps = read(entry.path());
            REQUIRE(steps.front().words.at(0) == "nodes");
            Cluster cluster(std::stoul(steps.front().words.at(1)));
            for (std::size_t i = 2; i < steps.size(); ++i) {
                INFO(entry.path().filename().string() << ":" << steps[i].line);
                play(cluster, steps[i].words);
            }
        }
        ++played;
    }
    CHECK(played >= 8);
}

TEST_CASE("every numbered rule has a scenario that names it") {
    std::set<std::string> named;
    for (const auto& entry : std::filesystem::directory_iterator(FS_SOURCE_DIR "/tests/scenario/scenarios")) {
        if (entry.path().extension() != ".scenario") continue;
        const auto steps = read(entry.path());
        CAPTURE(entry.path());
        REQUIRE(steps.at(1).words.at(0) == "rules");
        named.insert(steps[1].words.begin() + 1, steps[1].words.end());
    }
    const std::set<std::string> all{"S1", "S2", "S3", "S4", "S5", "S6", "W1", "W2", "W3", "W4", "W5", "W6", "-"};
    CHECK(named == all);
}

}  // namespace
}  // namespace fairstream::tests::scenario
