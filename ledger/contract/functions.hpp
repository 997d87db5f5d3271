#pragma once

#include <functional>
#include <map>
#include <string>

#include "ledger/contract/context.hpp"

namespace fairstream::ledger::contract {

/// The named functions of one contract, each over protobuf messages:
///
///     functions_.add("Transfer", &transfer);   // Result<TransferReply> transfer(Context&, const TransferRequest&)
class Functions {
public:
    template <typename Request, typename Reply>
    void add(std::string name, Result<Reply> (*function)(Context&, const Request&)) {
        table_[std::move(name)] = [function](Context& context, ByteView arguments) -> Result<Bytes> {
            Request request;
            if (!request.ParseFromArray(arguments.data(), static_cast<int>(arguments.size())))
                return fail("bad_arguments", "arguments are not a " + Request::descriptor()->full_name());
            FS_ASSIGN(Reply reply, function(context, request));
            Bytes out(reply.ByteSizeLong());
            reply.SerializeToArray(out.data(), static_cast<int>(out.size()));
            return out;
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

}  // namespace fairstream::ledger::contract
