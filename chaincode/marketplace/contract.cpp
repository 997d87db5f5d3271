#include "chaincode/marketplace/contract.hpp"

#include "chaincode/marketplace/offers.hpp"
#include "chaincode/marketplace/purchases.hpp"
#include "chaincode/marketplace/settings.hpp"
#include "chaincode/marketplace/settlement.hpp"
#include "chaincode/marketplace/uploads.hpp"
#include "chaincode/schema/names.hpp"
#include "ledger/contract/functions.hpp"

namespace fairstream::chaincode::marketplace {

namespace names = schema::names;
using ledger::contract::Context;

namespace {

class Marketplace : public ledger::contract::Contract {
public:
    Marketplace() {
        functions_.add(names::marketplace::kConfigure, &configure);
        functions_.add(names::marketplace::kGetSettings, &get_settings);
        functions_.add(names::marketplace::kCreateOffer, &create_offer);
        functions_.add(names::marketplace::kGetOffer, &get_offer);
        functions_.add(names::marketplace::kGetStream, &get_stream);
        functions_.add(names::marketplace::kListOffers, &list_offers);
        functions_.add(names::marketplace::kRequestUploadToken, &request_upload_token);
        functions_.add(names::marketplace::kRecordStreamDetails, &record_stream_details);
        functions_.add(names::marketplace::kRequestDownloadToken, &request_download_token);
        functions_.add(names::marketplace::kGetPurchase, &get_purchase);
        functions_.add(names::marketplace::kGetPurchaseRecord, &get_purchase_record);
        functions_.add(names::marketplace::kListPurchases, &list_purchases);
        functions_.add(names::marketplace::kSettle, &settle);
        functions_.add(names::marketplace::kRefund, &refund);
    }
    std::string_view name() const override { return names::contract::kMarketplace; }
    Result<Bytes> invoke(Context& context, std::string_view function, ByteView arguments) const override {
        return functions_.invoke(context, function, arguments);
    }

private:
    ledger::contract::Functions functions_;
};

}  // namespace

std::shared_ptr<const ledger::contract::Contract> make_contract() {
    return std::make_shared<Marketplace>();
}

}  // namespace fairstream::chaincode::marketplace
