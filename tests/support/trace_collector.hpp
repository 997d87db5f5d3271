#pragma once

#include <catch2/catch.hpp>
#include <future>
#include <mutex>

#include "base/net/http.hpp"
#include "base/net/trace_exporter.hpp"
#include "tests/support/test_pki.hpp"

namespace fairstream::tests {

/// A collector that keeps what it is sent.
class Collector {
public:
    explicit Collector(int status = 200) : status_(status) {
        loop_.start();
        auto made = base::net::HttpServer::listen(
            loop_, {"127.0.0.1", 0}, {pem_.certificate, pem_.private_key, {}}, {},
            [this](const base::net::HttpRequest& request, const auto& respond) {
                {
                    const std::lock_guard lock(mutex_);
                    bodies_.push_back(request.method + " " + request.path + " " + request.body);
                }
                respond({status_, {}, "{}"});
            });
        REQUIRE(made);
        server_ = std::move(*made);
    }
    ~Collector() {
        std::promise<void> done;
        loop_.post([&] {
            server_.reset();
            done.set_value();
        });
        done.get_future().wait();
    }
    base::net::TraceExporter::Options options() const {
        return {.url = "https://127.0.0.1:" + std::to_string(server_->port()) + "/v1/traces",
                .trusted_roots = ca_.certificate(),
                .service = "fairstream-node",
                .instance = "node1.org1",
                .interval = std::chrono::milliseconds(10)};
    }
    std::vector<std::string> bodies() const {
        const std::lock_guard lock(mutex_);
        return bodies_;
    }

private:
    const int status_;
    TestCa ca_ = make_test_ca("org1");
    PemPair pem_ = ca_.issue("collector");
    base::net::Loop loop_;
    mutable std::mutex mutex_;
    std::vector<std::string> bodies_;
    std::unique_ptr<base::net::HttpServer> server_;
};

}  // namespace fairstream::tests
