// Result<T>: a value, or the reason why there is none. Bad input is such a reason, never an exception.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "protocol/base/check.hpp"

namespace crier {

// The wire contract's error codes (protocol/README.md, "Errors").
enum class ErrorCode : std::uint8_t {
  bad_request,
  unauthorized,
  token_expired,
  forbidden,
  already_subscribed,
  not_subscribed,
  too_large,
  rate_limited,
  limit_exceeded,
  unrecoverable_position,
  unavailable,
  timeout,
  internal,
};
inline constexpr std::size_t error_code_count = 13;

// The code as it stands on the wire, in metrics and in logs.
[[nodiscard]] constexpr std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::bad_request: return "bad_request";
    case ErrorCode::unauthorized: return "unauthorized";
    case ErrorCode::token_expired: return "token_expired";
    case ErrorCode::forbidden: return "forbidden";
    case ErrorCode::already_subscribed: return "already_subscribed";
    case ErrorCode::not_subscribed: return "not_subscribed";
    case ErrorCode::too_large: return "too_large";
    case ErrorCode::rate_limited: return "rate_limited";
    case ErrorCode::limit_exceeded: return "limit_exceeded";
    case ErrorCode::unrecoverable_position: return "unrecoverable_position";
    case ErrorCode::unavailable: return "unavailable";
    case ErrorCode::timeout: return "timeout";
    case ErrorCode::internal: return "internal";
  }
  __builtin_unreachable();
}

// Why a command was refused. `field` names the offending field ("" where there is none), `detail` is a
// sentence for the person who reads it.
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string field;
  std::string detail;

  friend bool operator==(const Error&, const Error&) = default;
};

template <class T, class E = Error>
class [[nodiscard]] Result {
 public:
  // Implicit on purpose: `return value;` and `return Error{...};` both read well.
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(E error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] explicit operator bool() const noexcept { return state_.index() == 0; }
  // The caller has checked: asking for the wrong one is a bug here, not bad input.
  [[nodiscard]] T& value() {
    CRIER_ASSERT(state_.index() == 0);
    return *std::get_if<0>(&state_);
  }
  [[nodiscard]] const T& value() const {
    CRIER_ASSERT(state_.index() == 0);
    return *std::get_if<0>(&state_);
  }
  [[nodiscard]] T& operator*() { return value(); }
  [[nodiscard]] const T& operator*() const { return value(); }
  [[nodiscard]] T* operator->() { return &value(); }
  [[nodiscard]] const T* operator->() const { return &value(); }
  [[nodiscard]] E& error() {
    CRIER_ASSERT(state_.index() == 1);
    return *std::get_if<1>(&state_);
  }
  [[nodiscard]] const E& error() const {
    CRIER_ASSERT(state_.index() == 1);
    return *std::get_if<1>(&state_);
  }

 private:
  std::variant<T, E> state_;
};

}  // namespace crier
