// TLS identities that running programs take up: an operator's, its broker's, the DApp's.
#include <map>

#include "tests/network/consortium.hpp"
#include "tests/support/served_certificate.hpp"

using namespace fairstream;
using namespace fairstream::tests;
namespace json = boost::json;

namespace {

/// By name; 0: it does not run.
std::map<std::string, std::int64_t> pids(const Consortium& net) {
    const auto status = net.ok({"network", "status"}).json();
    const auto& storage = status.at("operators").at(0);
    return {{"op1", storage.at("pid").as_int64()},
            {"broker", storage.at("broker_pid").as_int64()},
            {"dapp", status.at("dapp").at("pid").as_int64()}};
}

}  // namespace

TEST_CASE("an operator, its broker and the DApp show renewed certificates, and none was started again") {
    const Consortium net;
    net.up({"--orgs", "1", "--operators", "1"});
    const auto before = pids(net);
    const auto of_operator = net.file("net/org1/op1/tls.pem");
    const auto former = read_all(of_operator);
    CHECK(served_certificate(net.port("op1", "https")) == former);
    CHECK(served_certificate(net.port("op1", "mqtts")) == former);

    net.ok({"network", "renew-service", "op1"});
    const auto renewed = read_all(of_operator);
    CHECK(renewed != former);
    wait_until("the operator shows it", [&] { return served_certificate(net.port("op1", "https")) == renewed; });
    wait_until("the broker shows it", [&] { return served_certificate(net.port("op1", "mqtts")) == renewed; });
    wait_until("the operator is back at its broker", [&] {
        return net.ok({"network", "status"}).json().at("ready").as_bool();
    });
    CHECK(net.run({"network", "renew-service", "op9"}).err.find("not_found") != std::string::npos);

    // A key that the certificate does not fit changes nothing, until its certificate has come as well.
    const auto port = net.port("dapp", "https");
    const auto folder = net.file("net/dapp");
    const auto shown = read_all(folder / "tls.pem");
    const auto other = make_test_ca("org1").issue("dapp");
    write_all(folder / "tls.key", other.private_key);
    wait_until("the DApp says what is wrong",
               [&] { return read_all(folder / "log.txt").find("tls.key is not used") != std::string::npos; });
    CHECK(served_certificate(port) == shown);
    write_all(folder / "tls.pem", other.certificate);
    wait_until("the DApp shows it", [&] { return served_certificate(port) == other.certificate; });
    CHECK(pids(net) == before);
}
