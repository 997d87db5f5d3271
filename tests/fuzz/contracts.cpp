/// Arguments and private inputs of every contract: the calls of a whole trade, recorded as they were made, and then
/// altered as the input says, by the one who made them or somebody else.
#include "tests/chaincode/market.hpp"
#include "tests/fuzz/input.hpp"

using namespace fairstream;
using namespace fairstream::chaincode::tests;

namespace {

/// A market after a trade: an offer, an upload, a purchase with its releases and delivery.
struct Traded {
    struct Call {
        Who who;
        std::string contract, function;
        Bytes arguments, private_inputs;
    };
    Market market;
    std::vector<Call> calls;

    Traded() {
        market.chain.on_call = [this](const Who& who, std::string_view contract, std::string_view function,
                                      ByteView arguments, ByteView private_inputs) {
            calls.push_back(
                {who, std::string(contract), std::string(function), to_bytes(arguments), to_bytes(private_inputs)});
        };
        const auto seller = market.verified_seller();
        const auto buyer = market.client_with(1000 * kCredit);
        const auto offer = market.create_offer(seller, kCredit).value();
        market.sell(seller, offer, 3);
        const auto purchase = market.buy(buyer, offer).value();
        market.release_enough(purchase.id());
        const auto grant = market.draw(purchase.grant());
        if (grant) {
            const auto by = grant->grant().operators(0);
            static_cast<void>(market.deliver(market.receipt(buyer, purchase, 1, {{by, {{1, 3}}}})));
        }
        static_cast<void>(market.purchase(purchase.id()));
        static_cast<void>(market.refund(buyer, purchase.id()));
        market.chain.on_call = nullptr;
    }
};

/// Overwrites, puts in or cuts, up to eight times.
void alter(Bytes& bytes, tests::Input& input) {
    for (auto times = input.byte() % 8; times > 0; --times) {
        const auto at = bytes.empty() ? 0 : (input.byte() * 256u + input.byte()) % bytes.size();
        const auto where = bytes.begin() + static_cast<std::ptrdiff_t>(at);
        const auto what = input.byte();
        const auto piece = input.take(what / 4);
        switch (what % 4) {
            case 0:
                std::copy_n(piece.begin(), std::min(piece.size(), bytes.size() - at), where);
                break;
            case 1:
                bytes.insert(where, piece.begin(), piece.end());
                break;
            case 2:
                bytes.erase(where,
                            where + static_cast<std::ptrdiff_t>(std::min<std::size_t>(what / 4, bytes.size() - at)));
                break;
            default:
                bytes.resize(at);
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Traded traded;
    tests::Input input(data, size);
    auto call = traded.calls[input.byte() % traded.calls.size()];
    const auto& by = traded.calls[input.byte() % traded.calls.size()].who;
    alter(call.arguments, input);
    alter(call.private_inputs, input);
    if (!input.empty()) call.arguments = to_bytes(input.rest());
    static_cast<void>(traded.market.chain.simulate(input.empty() ? call.who : by, call.contract, call.function,
                                                   call.arguments, call.private_inputs));
    return 0;
}
