#include "chaincode/marketplace/contract.hpp"

#include "chaincode/marketplace/key_epochs.hpp"
#include "chaincode/marketplace/offers.hpp"
#include "chaincode/marketplace/purchases.hpp"
#include "chaincode/marketplace/settings.hpp"
#include "chaincode/marketplace/settlement.hpp"
#include "chaincode/marketplace/uploads.hpp"
#include "chaincode/marketplace/windows.hpp"
#include "chaincode/schema/names.hpp"
#include "ledger/contract/functions.hpp"

namespace fairstream::chaincode::marketplace {

namespace names = schema::names;

std::shared_ptr<const ledger::contract::Contract> make_contract() {
    ledger::contract::Functions functions;
    functions.add(names::marketplace::kConfigure, &configure);
    functions.add(names::marketplace::kGetSettings, &get_settings);
    functions.add(names::marketplace::kCreateOffer, &create_offer);
    functions.add(names::marketplace::kGetOffer, &get_offer);
    functions.add(names::marketplace::kGetStream, &get_stream);
    functions.add(names::marketplace::kListBatches, &list_batches);
    functions.add(names::marketplace::kListOffers, &list_offers);
    functions.add(names::marketplace::kRequestUploadToken, &request_upload_token);
    functions.add(names::marketplace::kRecordStreamDetails, &record_stream_details);
    functions.add(names::marketplace::kOpenKeyEpoch, &open_key_epoch);
    functions.add(names::marketplace::kListKeyEpochs, &list_key_epochs);
    functions.add(names::marketplace::kGetKeyEpoch, &get_key_epoch);
    functions.add(names::marketplace::kListWindows, &list_windows);
    functions.add(names::marketplace::kRequestDownloadToken, &request_download_token);
    functions.add(names::marketplace::kGetPurchase, &get_purchase);
    functions.add(names::marketplace::kGetPurchaseRecord, &get_purchase_record);
    functions.add(names::marketplace::kListPurchases, &list_purchases);
    functions.add(names::marketplace::kSettle, &settle);
    functions.add(names::marketplace::kRefund, &refund);
    return std::make_shared<ledger::contract::TableContract>(names::contract::kMarketplace, std::move(functions));
}

}  // namespace fairstream::chaincode::marketplace
