#include "mqtt_bridge/client/receipt.hpp"

#include <algorithm>

#include "identity/crypto/merkle.hpp"

namespace fairstream::mqtt_bridge::client {

namespace schema = chaincode::schema;
namespace crypto = identity::crypto;

namespace {

constexpr int kMaxPath = 64;

Bytes receipt_input(const schema::StorageReceipt& receipt, std::string_view network) {
    Bytes count, time;
    base::append_u64(count, receipt.mark_count());
    base::append_u64(time, receipt.time_us());
    return crypto::signing_input("storage-receipt/v1", network,
                                 base::lp(std::string_view(receipt.operator_()), std::string_view(receipt.root()),
                                          ByteView(count), ByteView(time)));
}

bool under_root(const schema::StorageReceipt& receipt) {
    const auto root = crypto::to_hash(as_bytes(receipt.root()));
    if (!root || receipt.path_size() > kMaxPath || receipt.mark_index() >= receipt.mark_count()) return false;
    std::vector<crypto::Hash> path;
    for (const std::string& step : receipt.path()) {
        const auto hash = crypto::to_hash(as_bytes(step));
        if (!hash) return false;
        path.push_back(*hash);
    }
    return crypto::merkle_verify(crypto::merkle_leaf(as_bytes(receipt.mark())), receipt.mark_index(),
                                 receipt.mark_count(), path, *root);
}

}  // namespace

std::vector<schema::StorageReceipt> sign_receipts(std::span<const StreamMark> marks, std::string_view operator_name,
                                                  std::string_view network, const crypto::SigningKey& key,
                                                  TimePoint now) {
    std::vector<schema::StorageReceipt> out(marks.size());
    std::vector<crypto::Hash> leaves;
    for (std::size_t i = 0; i < marks.size(); ++i) {
        schema::Mark mark;
        mark.set_stream(base::to_string(marks[i].stream));
        mark.set_through(marks[i].position.through);
        mark.set_manifest_head(base::to_string(marks[i].position.head));
        out[i].set_mark(mark.SerializeAsString());
        leaves.push_back(crypto::merkle_leaf(as_bytes(out[i].mark())));
    }
    const crypto::Hash root = crypto::merkle_root(leaves);
    std::string signature;
    for (std::size_t i = 0; i < out.size(); ++i) {
        out[i].set_operator_(std::string(operator_name));
        out[i].set_root(base::to_string(root));
        out[i].set_mark_count(marks.size());
        out[i].set_time_us(base::to_us(now));
        if (i == 0) signature = base::to_string(key.sign(receipt_input(out[i], network)));
        out[i].set_signature(signature);
        out[i].set_mark_index(i);
        for (const crypto::Hash& step : crypto::merkle_path(leaves, i)) out[i].add_path(base::to_string(step));
    }
    return out;
}

Result<StreamMark> verify_receipt(const schema::StorageReceipt& receipt, std::string_view network,
                                  const crypto::VerifyingKey& key) {
    const std::string by = "storage receipt of " + receipt.operator_().substr(0, 32);
    const auto signature = crypto::to_signature(as_bytes(receipt.signature()));
    if (!signature || !key.verify(receipt_input(receipt, network), *signature))
        return fail("bad_receipt", by + ": not signed by this operator");
    if (!under_root(receipt)) return fail("bad_receipt", by + ": its mark is not under the signed root");
    schema::Mark mark;
    StreamMark out;
    const auto head = mark.ParseFromString(receipt.mark()) ? crypto::to_hash(as_bytes(mark.manifest_head()))
                                                           : fail("bad_receipt", "");
    if (!head || mark.stream().size() != out.stream.size())
        return fail("bad_receipt", by + ": its mark does not parse");
    std::ranges::copy(as_bytes(mark.stream()), out.stream.begin());
    out.position = {mark.through(), *head};
    return out;
}

}  // namespace fairstream::mqtt_bridge::client
