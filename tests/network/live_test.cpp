// Live streams through the command line alone, over real processes, brokers and TLS.
#include <atomic>
#include <thread>

#include "tests/network/consortium.hpp"

using namespace fairstream;
using namespace std::chrono_literals;
using tests::Consortium;

namespace {

constexpr auto kEvery = 10ms;  // 100 readings a second

/// A sensor on the standard input of a program: "reading 1", "reading 2", ... until it is stopped.
class Sensor {
public:
    Sensor() { REQUIRE(::pipe2(ends_, O_CLOEXEC) == 0); }
    ~Sensor() { stop(); }
    Sensor(const Sensor&) = delete;
    Sensor& operator=(const Sensor&) = delete;

    /// For the program to read from; its own copy is closed by `start`.
    int output() const { return ends_[0]; }
    void start() {
        ::close(ends_[0]);
        ::signal(SIGPIPE, SIG_IGN);
        thread_ = std::thread([this] {
            while (!stopping_) {
                const auto line = "reading " + std::to_string(made_ + 1) + "\n";
                if (::write(ends_[1], line.data(), line.size()) < 0) break;
                ++made_;
                std::this_thread::sleep_for(kEvery);  // its rate, not a wait
            }
            ::close(ends_[1]);
        });
    }
    /// The end of its output.
    void stop() {
        stopping_ = true;
        if (thread_.joinable()) thread_.join();
    }
    int made() const { return made_; }

private:
    int ends_[2] = {-1, -1};
    std::atomic<bool> stopping_{false};
    std::atomic<int> made_{0};
    std::thread thread_;
};

/// A seller that streams into an offer of 10-second windows, and a buyer.
struct Market {
    Consortium net;
    Sensor sensor;
    std::string offer;
    Consortium::Background stream{};

    Market() {
        net.up();
        net.seller("acme");
        net.client("bob");
        offer = net.ok({"offer", "create", "--as", "acme", "--topic", "city/noise", "--mode", "stream", "--window",
                        "10s", "--price", "1000000"})
                    .text("offer");
        stream = start_stream(sensor);
        sensor.start();
    }
    ~Market() {
        sensor.stop();
        if (stream.pid > 0) kill_stream();
    }
    Market(const Market&) = delete;
    Market& operator=(const Market&) = delete;

    void kill_stream() {
        ::kill(stream.pid, SIGKILL);
        wait_for_stream();
    }
    tests::Ran wait_for_stream() {
        const auto ran = Consortium::wait_for(stream);
        stream.pid = -1;
        return ran;
    }
    Consortium::Background start_stream(const Sensor& from) const {
        return net.spawn({"stream", "--as", "acme", "--offer", offer, "--key-epoch", "2s"}, from.output());
    }
    /// Once operators are drawn for the stream.
    std::string buy(const std::string& windows) const {
        std::string purchase;
        tests::wait_until("the stream can be bought", [&] {
            const auto bought = net.run({"buy", offer, "--windows", windows, "--as", "bob"});
            if (bought.exit_code == 0) purchase = bought.text("purchase");
            return bought.exit_code == 0;
        });
        return purchase;
    }
    Consortium::Background subscribe(const std::string& purchase, std::vector<std::string> more = {}) const {
        more.insert(more.begin(), {"subscribe", purchase, "--as", "bob", "-o", net.file("readings").string()});
        return net.spawn(more);
    }
    /// The numbers of the readings that the buyer's file holds.
    std::vector<int> read() const {
        std::istringstream lines(tests::read_all(net.file("readings")));
        std::vector<int> numbers;
        for (std::string line; std::getline(lines, line);) {
            const auto json = boost::json::parse(line);
            numbers.push_back(std::stoi(std::string(json.at("reading").as_string()).substr(8)));
        }
        return numbers;
    }
    void wait_for_readings(std::size_t count) const {
        tests::wait_until(std::to_string(count) + " readings have come", [&] {
            const auto text = tests::read_all(net.file("readings"));
            return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) >= count;
        });
    }
};

/// Each reading follows the one before.
void check_in_order(const std::vector<int>& numbers) {
    REQUIRE_FALSE(numbers.empty());
    for (std::size_t i = 1; i < numbers.size(); ++i)
        if (numbers[i] != numbers[i - 1] + 1) FAIL("reading " << numbers[i] << " follows " << numbers[i - 1]);
}

boost::json::value last_line(const std::string& text) {
    const auto end = text.find_last_not_of('\n');
    const auto begin = text.rfind('\n', end);
    return boost::json::parse(text.substr(begin == std::string::npos ? 0 : begin + 1, end - begin));
}

}  // namespace

TEST_CASE("a live stream is sold by time and read over several key epochs, through the death of the reader") {
    Market market;
    const auto purchase = market.buy("1");
    const auto killed = market.subscribe(purchase);
    market.wait_for_readings(150);
    ::kill(killed.pid, SIGKILL);
    Consortium::wait_for(killed);

    const auto subscribed = Consortium::wait_for(market.subscribe(purchase));
    INFO(subscribed.out << subscribed.err);
    REQUIRE(subscribed.exit_code == 0);
    const auto numbers = market.read();
    check_in_order(numbers);
    const auto ended = last_line(subscribed.out);
    CHECK(ended.at("over").as_bool());
    const auto& of_purchase = ended.at("purchases").as_array().at(0);
    CHECK(of_purchase.at("state").as_string() == "settled");
    CHECK(of_purchase.at("paid_micro").as_int64() > 0);
    CHECK(of_purchase.at("batches_checked").to_number<int>() >= 1);
    CHECK(market.net.balance("acme") > 0);
    market.net.check_conserved();

    // All that was paid for is read: another run has nothing to add, and says so.
    const auto again = Consortium::wait_for(market.subscribe(purchase));
    CHECK(again.exit_code == 0);
    CHECK(market.read() == numbers);
    market.net.ok({"rate", purchase, "--score", "900000", "--as", "bob"});
    CHECK(market.net.run({"renew", purchase, "--as", "acme"}).err.find("not_registered") != std::string::npos);

    market.sensor.stop();
    const auto streamed = market.wait_for_stream();
    INFO(streamed.err);
    CHECK(streamed.exit_code == 0);
    CHECK(last_line(streamed.out).at("readings").to_number<int>() == market.sensor.made());
}

TEST_CASE("the operator that serves a live stream is killed at 100 readings a second: all come, in order") {
    Market market;
    const auto purchase = market.buy("1");
    const auto subscription = market.subscribe(purchase);
    market.wait_for_readings(100);
    const auto first =
        boost::json::parse(tests::read_all(subscription.out).substr(0, tests::read_all(subscription.out).find('\n')));
    market.net.kill_process("operators", std::string(first.at("operator").as_string()));

    const auto subscribed = Consortium::wait_for(subscription);
    INFO(subscribed.out << subscribed.err);
    REQUIRE(subscribed.exit_code == 0);
    CHECK(last_line(subscribed.out).at("over").as_bool());
    check_in_order(market.read());
    market.net.check_conserved();
}

TEST_CASE("a stream whose program is killed goes on where it stopped: no number twice, none left out") {
    Market market;
    const auto purchase = market.buy("1");
    const auto subscription = market.subscribe(purchase);
    market.wait_for_readings(100);
    market.kill_stream();
    market.sensor.stop();
    const int before = market.sensor.made();

    Sensor second;
    const auto resumed = market.start_stream(second);
    second.start();
    const auto subscribed = Consortium::wait_for(subscription);
    INFO(subscribed.out << subscribed.err);
    REQUIRE(subscribed.exit_code == 0);
    second.stop();
    const auto streamed = Consortium::wait_for(resumed);
    INFO(streamed.err);
    REQUIRE(streamed.exit_code == 0);
    CHECK(last_line(streamed.out).at("resumed").as_bool());

    // Readings of the first sensor, then of the second from its first one on; what the killed program had not spooled
    // went with it.
    const auto numbers = market.read();
    const auto turn = std::adjacent_find(numbers.begin(), numbers.end(), [](int a, int b) { return b <= a; });
    REQUIRE(turn != numbers.end());
    check_in_order({numbers.begin(), turn + 1});
    check_in_order({turn + 1, numbers.end()});
    CHECK(*turn <= before);
    CHECK(*(turn + 1) == 1);
    market.net.check_conserved();
}

TEST_CASE("a subscription renews itself, and time goes on without a gap") {
    Market market;
    const auto purchase = market.buy("1");
    const auto subscription = market.subscribe(purchase, {"--renew", "1"});
    std::string renewal;
    tests::wait_until("the renewal is made", [&] {
        renewal = market.net.ok({"purchase", "show", purchase}).text("renewed_by");
        return !renewal.empty();
    });
    const auto former = market.net.ok({"purchase", "show", purchase}).json();
    const auto next = market.net.ok({"purchase", "show", renewal}).json();
    CHECK(next.at("window").at("from") == former.at("window").at("until"));
    tests::wait_until("readings of the renewal are read", [&] {
        return tests::fs::exists(market.net.dir() / "net" / "state" / "bob" / "reads" / renewal / "entries") &&
               tests::fs::file_size(market.net.dir() / "net" / "state" / "bob" / "reads" / renewal / "entries") > 0;
    });
    ::kill(subscription.pid, SIGINT);
    const auto subscribed = Consortium::wait_for(subscription);
    INFO(subscribed.out << subscribed.err);
    CHECK(subscribed.exit_code == 0);
    CHECK_FALSE(last_line(subscribed.out).at("over").as_bool());
    check_in_order(market.read());
    market.net.check_conserved();
}
