#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "identity/crypto/keys.hpp"

/// Bounds of what callers send. `field` names the argument in the message. Error of all: bad_arguments.
namespace fairstream::chaincode::rules {

constexpr std::size_t kMaxDidBytes = 128;
constexpr std::size_t kIdDigits = 32;  // ids of offers, grants and purchases

/// `min` to `max` bytes without control characters.
Status check_text(std::string_view field, std::string_view value, std::size_t min, std::size_t max);
/// The same, where line breaks and tabs are allowed.
Status check_long_text(std::string_view field, std::string_view value, std::size_t max);
/// `min` to `max` bytes, each one of a-z 0-9 or of `also`.
Status check_word(std::string_view field, std::string_view value, std::size_t min, std::size_t max,
                  std::string_view also);
Status check_size(std::string_view field, std::string_view bytes, std::size_t size);
Status check_range(std::string_view field, std::int64_t value, std::int64_t min, std::int64_t max);
/// An id as contracts make them: 32 lower-case hex digits.
Status check_id(std::string_view field, std::string_view value);
/// A did:key of P-256 in its canonical spelling; returns its key.
Result<identity::crypto::VerifyingKey> check_did(std::string_view field, std::string_view did);
/// SEC1 compressed, on the curve.
Result<identity::crypto::VerifyingKey> check_key(std::string_view field, std::string_view point);

/// What queries answer at most; `wanted` 0 means the usual page.
constexpr std::uint32_t kUsualPage = 50;
constexpr std::uint32_t kLargestPage = 200;
std::uint32_t page_size(std::uint32_t wanted);

}  // namespace fairstream::chaincode::rules
