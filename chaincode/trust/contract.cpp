#include "chaincode/trust/contract.hpp"

#include "chaincode/schema/names.hpp"
#include "chaincode/trust/epochs.hpp"
#include "chaincode/trust/ratings.hpp"
#include "chaincode/trust/scores.hpp"
#include "chaincode/trust/settings.hpp"
#include "ledger/contract/functions.hpp"

namespace fairstream::chaincode::trust {

namespace names = schema::names;

std::shared_ptr<const ledger::contract::Contract> make_contract() {
    ledger::contract::Functions functions;
    functions.add(names::trust::kConfigure, &configure);
    functions.add(names::trust::kGetSettings, &get_settings);
    functions.add(names::trust::kRate, &rate);
    functions.add(names::trust::kReveal, &reveal);
    functions.add(names::trust::kListRatings, &list_ratings);
    functions.add(names::trust::kSealEpoch, &seal_epoch);
    functions.add(names::trust::kGetEpoch, &get_epoch);
    functions.add(names::trust::kComputeEpoch, &compute_epoch);
    functions.add(names::trust::kGetScore, &get_score);
    return std::make_shared<ledger::contract::TableContract>(names::contract::kTrust, std::move(functions));
}

}  // namespace fairstream::chaincode::trust
