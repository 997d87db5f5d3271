#pragma once

#include <string_view>

#include "base/result.hpp"
#include "chaincode/schema/marketplace.pb.h"

namespace fairstream::chaincode::marketplace {

/// Bounds of what a seller may offer. Errors: bad_arguments, unknown_mode, bad_licence.
Status check_draft(const schema::OfferDraft& draft);

/// Modes: a batch, or time.
constexpr std::string_view kOneOff = "one-off";
constexpr std::string_view kStream = "stream";

/// Topics and their prefixes: a-z 0-9 - _ / . , at most 128.
constexpr std::size_t kMaxTopicBytes = 128;
constexpr std::string_view kTopicCharacters = "-_/.";

}  // namespace fairstream::chaincode::marketplace
