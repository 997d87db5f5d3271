#pragma once

#include <functional>
#include <map>
#include <string>

#include "ledger/contract/context.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::contract {

/// The named functions of one contract, each over protobuf messages:
///
///     functions.add("Transfer", &transfer);   // Result<TransferReply> transfer(Context&, const TransferRequest&)
class Functions {
public:
    template <typename Request, typename Reply>
    void add(std::string name, Result<Reply> (*function)(Context&, const Request&)) {
        table_[std::move(name)] = [function](Context& context, ByteView arguments) -> Result<Bytes> {
            Request request;
            if (!request.ParseFromArray(arguments.data(), static_cast<int>(arguments.size())))
                return fail("bad_arguments", "arguments are not a " + Request::descriptor()->full_name());
            FS_ASSIGN(Reply reply, function(context, request));
            return proto::encode(reply);
        };
    }

    /// Error: unknown_function.
    Result<Bytes> invoke(Context& context, std::string_view function, ByteView arguments) const {
        const auto found = table_.find(function);
        if (found == table_.end())
            return fail("unknown_function", "no function " + std::string(function.substr(0, 64)));
        return found->second(context, arguments);
    }

private:
    std::map<std::string, std::function<Result<Bytes>(Context&, ByteView)>, std::less<>> table_;
};

/// A contract that is nothing but its table of functions; its state is on the ledger.
class TableContract final : public Contract {
public:
    TableContract(std::string name, Functions functions) : name_(std::move(name)), functions_(std::move(functions)) {}
    std::string_view name() const override { return name_; }
    Result<Bytes> invoke(Context& context, std::string_view function, ByteView arguments) const override {
        return functions_.invoke(context, function, arguments);
    }

private:
    const std::string name_;
    const Functions functions_;
};

}  // namespace fairstream::ledger::contract
