#include "chaincode/custody/contract.hpp"

#include "chaincode/custody/dealings.hpp"
#include "chaincode/custody/releases.hpp"
#include "chaincode/schema/names.hpp"
#include "ledger/contract/functions.hpp"

namespace fairstream::chaincode::custody {

namespace names = schema::names;
using ledger::contract::Context;

namespace {

class Custody : public ledger::contract::Contract {
public:
    Custody() {
        functions_.add(names::custody::kDeal, &deal);
        functions_.add(names::custody::kGetDealing, &get_dealing);
        functions_.add(names::custody::kRelease, &release);
        functions_.add(names::custody::kGetReleaseTask, &get_release_task);
        functions_.add(names::custody::kGetReleases, &get_releases);
        functions_.add(names::custody::kCountReleases, &count_releases);
    }
    std::string_view name() const override { return names::contract::kCustody; }
    Result<Bytes> invoke(Context& context, std::string_view function, ByteView arguments) const override {
        return functions_.invoke(context, function, arguments);
    }

private:
    ledger::contract::Functions functions_;
};

}  // namespace

std::shared_ptr<const ledger::contract::Contract> make_contract() {
    return std::make_shared<Custody>();
}

}  // namespace fairstream::chaincode::custody
