#include "chaincode/security_manager/contract.hpp"

#include "chaincode/schema/names.hpp"
#include "chaincode/security_manager/deliveries.hpp"
#include "chaincode/security_manager/grants.hpp"
#include "chaincode/security_manager/operators.hpp"
#include "chaincode/security_manager/uploads.hpp"
#include "ledger/contract/functions.hpp"

namespace fairstream::chaincode::security_manager {

namespace names = schema::names;
using ledger::contract::Context;

namespace {

class SecurityManager : public ledger::contract::Contract {
public:
    SecurityManager() {
        functions_.add(names::security_manager::kRegisterOperator, &register_operator);
        functions_.add(names::security_manager::kSetEndpoints, &set_endpoints);
        functions_.add(names::security_manager::kListOperators, &list_operators);
        functions_.add(names::security_manager::kCreateGrant, &create_grant);
        functions_.add(names::security_manager::kDrawOperators, &draw_operators);
        functions_.add(names::security_manager::kGetGrant, &get_grant);
        functions_.add(names::security_manager::kRevokeGrant, &revoke_grant);
        functions_.add(names::security_manager::kGetPlacement, &get_placement);
        functions_.add(names::security_manager::kUploadDataStream, &upload_data_stream);
        functions_.add(names::security_manager::kGetUpload, &get_upload);
        functions_.add(names::security_manager::kDownloadDataStream, &download_data_stream);
    }
    std::string_view name() const override { return names::contract::kSecurityManager; }
    Result<Bytes> invoke(Context& context, std::string_view function, ByteView arguments) const override {
        return functions_.invoke(context, function, arguments);
    }

private:
    ledger::contract::Functions functions_;
};

}  // namespace

std::shared_ptr<const ledger::contract::Contract> make_contract() {
    return std::make_shared<SecurityManager>();
}

}  // namespace fairstream::chaincode::security_manager
