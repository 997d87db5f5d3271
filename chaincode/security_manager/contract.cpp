#include "chaincode/security_manager/contract.hpp"

#include "chaincode/schema/names.hpp"
#include "chaincode/security_manager/deliveries.hpp"
#include "chaincode/security_manager/grants.hpp"
#include "chaincode/security_manager/operators.hpp"
#include "chaincode/security_manager/uploads.hpp"
#include "ledger/contract/functions.hpp"

namespace fairstream::chaincode::security_manager {

namespace names = schema::names;

std::shared_ptr<const ledger::contract::Contract> make_contract() {
    ledger::contract::Functions functions;
    functions.add(names::security_manager::kRegisterOperator, &register_operator);
    functions.add(names::security_manager::kSetEndpoints, &set_endpoints);
    functions.add(names::security_manager::kListOperators, &list_operators);
    functions.add(names::security_manager::kCreateGrant, &create_grant);
    functions.add(names::security_manager::kDrawOperators, &draw_operators);
    functions.add(names::security_manager::kGetGrant, &get_grant);
    functions.add(names::security_manager::kRevokeGrant, &revoke_grant);
    functions.add(names::security_manager::kGetPlacement, &get_placement);
    functions.add(names::security_manager::kUploadDataStream, &upload_data_stream);
    functions.add(names::security_manager::kGetUpload, &get_upload);
    functions.add(names::security_manager::kDownloadDataStream, &download_data_stream);
    return std::make_shared<ledger::contract::TableContract>(names::contract::kSecurityManager, std::move(functions));
}

}  // namespace fairstream::chaincode::security_manager
