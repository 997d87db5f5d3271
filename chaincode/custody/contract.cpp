#include "chaincode/custody/contract.hpp"

#include "chaincode/custody/dealings.hpp"
#include "chaincode/custody/releases.hpp"
#include "chaincode/schema/names.hpp"
#include "ledger/contract/functions.hpp"

namespace fairstream::chaincode::custody {

namespace names = schema::names;

std::shared_ptr<const ledger::contract::Contract> make_contract() {
    ledger::contract::Functions functions;
    functions.add(names::custody::kDeal, &deal);
    functions.add(names::custody::kGetDealing, &get_dealing);
    functions.add(names::custody::kRelease, &release);
    functions.add(names::custody::kGetReleaseTask, &get_release_task);
    functions.add(names::custody::kGetReleases, &get_releases);
    functions.add(names::custody::kCountReleases, &count_releases);
    return std::make_shared<ledger::contract::TableContract>(names::contract::kCustody, std::move(functions));
}

}  // namespace fairstream::chaincode::custody
