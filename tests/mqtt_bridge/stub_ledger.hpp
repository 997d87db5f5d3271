#pragma once

#include <map>
#include <mutex>

#include "identity/did/did_key.hpp"
#include "mqtt_bridge/operator/ledger_port.hpp"

namespace fairstream::tests {

namespace schema = chaincode::schema;

/// What the ledger would say, as a table. One for all operators of a test.
class LedgerTable {
public:
    void list(const schema::Operator& one) {
        const std::lock_guard lock(mutex_);
        operators_[one.name()] = one;
    }
    void place(const schema::Placement& placement) {
        const std::lock_guard lock(mutex_);
        placements_[placement.stream_id()] = placement;
    }
    void grant(const schema::Grant& grant) {
        const std::lock_guard lock(mutex_);
        grants_[grant.id()] = grant;
    }

    Result<schema::GrantReply> find_grant(const std::string& id) {
        const std::lock_guard lock(mutex_);
        const auto found = grants_.find(id);
        if (found == grants_.end()) return fail("unknown_grant", "there is no grant " + id);
        schema::GrantReply reply;
        *reply.mutable_grant() = found->second;
        reply.set_active(!found->second.revoked());
        for (const auto& name : found->second.operators()) *reply.add_operators() = operators_.at(name);
        return reply;
    }
    schema::ListOperatorsReply operators() {
        const std::lock_guard lock(mutex_);
        schema::ListOperatorsReply reply;
        for (const auto& [name, one] : operators_) *reply.add_operators() = one;
        return reply;
    }
    Result<schema::Placement> placement(const std::string& stream_id) {
        const std::lock_guard lock(mutex_);
        const auto found = placements_.find(stream_id);
        if (found == placements_.end()) return fail("not_found", "no operators hold " + stream_id);
        return found->second;
    }
    Status move(const schema::SetEndpointsRequest& to) {
        const std::lock_guard lock(mutex_);
        auto& one = operators_.at(to.name());
        one.set_mqtt_url(to.mqtt_url());
        one.set_https_url(to.https_url());
        return {};
    }
    void redeem(const schema::DownloadDataStreamRequest& request) {
        const std::lock_guard lock(mutex_);
        redeemed_.push_back(request);
    }
    std::vector<schema::DownloadDataStreamRequest> redeemed() {
        const std::lock_guard lock(mutex_);
        return redeemed_;
    }

private:
    std::mutex mutex_;
    std::vector<schema::DownloadDataStreamRequest> redeemed_;
    std::map<std::string, schema::Operator> operators_;
    std::map<std::string, schema::Placement> placements_;
    std::map<std::string, schema::Grant> grants_;
};

class StubLedger : public mqtt_bridge::storage_operator::LedgerPort {
public:
    explicit StubLedger(LedgerTable& table) : table_(table) {}
    Result<schema::GrantReply> grant(const std::string& id) override {
        auto reply = table_.find_grant(id);
        const std::lock_guard lock(mutex_);
        if (const auto lie = lies_.find(id); reply && lie != lies_.end()) *reply->mutable_grant() = lie->second;
        return reply;
    }
    /// What this operator's node says of a grant, instead of what is so.
    void lie(const schema::Grant& grant) {
        const std::lock_guard lock(mutex_);
        lies_[grant.id()] = grant;
    }
    Result<schema::ListOperatorsReply> operators() override { return table_.operators(); }
    Status redeem(const schema::DownloadDataStreamRequest& request) override {
        table_.redeem(request);
        return {};
    }
    Result<schema::Placement> placement(const std::string& id) override { return table_.placement(id); }
    Status set_endpoints(const schema::SetEndpointsRequest& request) override { return table_.move(request); }
    Result<std::shared_ptr<void>> follow_revocations(security_manager::service::SessionService&) override {
        return std::shared_ptr<void>();
    }

private:
    LedgerTable& table_;
    std::mutex mutex_;
    std::map<std::string, schema::Grant> lies_;
};

}  // namespace fairstream::tests
