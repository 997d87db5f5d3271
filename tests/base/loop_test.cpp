#include "base/net/loop.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <future>
#include <thread>
#include <vector>

using namespace fairstream::base::net;
using namespace std::chrono_literals;

TEST_CASE("jobs run on the loop's thread in the order they were posted") {
    Loop loop;
    std::vector<int> order;
    std::promise<bool> on_loop;
    for (int i = 0; i < 10; ++i) loop.post([&order, i] { order.push_back(i); });
    loop.post([&] { on_loop.set_value(loop.on_loop_thread()); });
    CHECK_FALSE(loop.on_loop_thread());
    loop.start();
    CHECK(on_loop.get_future().get());
    CHECK(order == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
}

TEST_CASE("timers run by their delay, and not once cancelled") {
    Loop loop;
    std::vector<int> order;
    std::promise<void> done;
    loop.after(30ms, [&] { done.set_value(); });
    loop.after(20ms, [&] { order.push_back(2); });
    const auto cancelled = loop.after(5ms, [&] { order.push_back(9); });
    loop.after(1ms, [&] {
        order.push_back(1);
        loop.cancel(cancelled);
    });
    loop.start();
    done.get_future().wait();
    CHECK(order == std::vector<int>{1, 2});
}

TEST_CASE("a loop that goes drops what is queued, and the owners of it may still talk to it") {
    struct Owner {
        Loop& loop;
        Loop::TimerId timer;
        ~Owner() {
            loop.cancel(timer);
            loop.post([] { FAIL("ran after the loop"); });
        }
    };
    bool ran = false;
    {
        Loop loop;
        const auto owner = std::make_shared<Owner>(Owner{loop, 0});
        loop.after(1h, [owner, &ran] { ran = true; });
        loop.post([owner, &ran] { ran = true; });
    }
    CHECK_FALSE(ran);
}

TEST_CASE("a stopped loop is in no handler any more") {
    Loop loop;
    std::promise<void> begun;
    std::promise<void> go_on;
    int handled = 0;  // no lock: after stop() nobody else may touch it
    loop.post([&] {
        begun.set_value();
        go_on.get_future().wait();
        handled = 1;
    });
    loop.start();
    begun.get_future().wait();
    std::thread releaser([&] {
        while (loop.running()) std::this_thread::yield();
        go_on.set_value();
    });
    loop.stop();
    CHECK(handled == 1);
    releaser.join();
}

TEST_CASE("a termination signal runs its handler instead of ending the process") {
    Loop loop;
    bool terminated = false;
    loop.on_termination([&] {
        terminated = true;
        loop.stop();
    });
    loop.post([] { ::kill(::getpid(), SIGTERM); });
    loop.run();
    CHECK(terminated);
}
