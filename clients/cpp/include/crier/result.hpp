// What a call can answer: a value, or a typed error with a sentence that says what to do. Nothing here throws.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace crier::client {

enum class ErrorCode : std::uint8_t {
  // Said by the broker, in the words of the wire contract.
  bad_request,
  unauthorized,  // also by the library, when the broker turned the connection away for its token
  token_expired,
  forbidden,
  already_subscribed,
  not_subscribed,
  too_large,
  rate_limited,
  limit_exceeded,
  unrecoverable_position,
  unavailable,  // surely not stored
  timeout,      // may have been done; repeat a publish only with a key
  internal,
  // Found by the library.
  bad_option,       // an option or an argument that cannot be right
  queue_full,       // over outbox_bytes_max: wait for room (on_room), or send less
  unreachable,      // no address, nobody listening, no answer in time
  tls,              // the TLS handshake failed, or the certificate did not verify
  refused,          // the broker refused the connection, or ended it: see http_status and close_code
  not_crier,        // something answers there, but no broker of ours
  connection_lost,  // the connection ended. A command in flight may have been carried out, or not
  offline,          // not connected, and publishes are refused meanwhile (Offline::refuse)
  closed,           // this client was closed, or gave up
};

[[nodiscard]] std::string_view to_string(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message{};                              // a sentence for people: what was wrong, and what to do
  std::optional<std::chrono::seconds> retry_after{};  // rate_limited, and refusals that say so
  int http_status = 0;                                // of a refused connection; 0 for none
  int close_code = 0;                                 // of a connection that was closed; 0 for none
};

namespace detail {
[[noreturn]] inline void wrong_access() noexcept {
  std::fputs("crier: a Result was asked for what it does not hold: check it first\n", stderr);
  std::abort();
}
}  // namespace detail

// A value, or an Error. Asking for the one that is not there is a bug, and ends the process.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] explicit operator bool() const noexcept { return state_.index() == 0; }
  [[nodiscard]] T& value() { return get<0>(state_); }
  [[nodiscard]] const T& value() const { return get<0>(state_); }
  [[nodiscard]] T& operator*() { return value(); }
  [[nodiscard]] const T& operator*() const { return value(); }
  [[nodiscard]] T* operator->() { return &value(); }
  [[nodiscard]] const T* operator->() const { return &value(); }
  [[nodiscard]] Error& error() { return get<1>(state_); }
  [[nodiscard]] const Error& error() const { return get<1>(state_); }

 private:
  template <std::size_t Index, class State>
  static auto& get(State& state) {
    auto* const held = std::get_if<Index>(&state);
    if (held == nullptr) detail::wrong_access();
    return *held;
  }

  std::variant<T, Error> state_;
};

// Done, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] explicit operator bool() const noexcept { return !error_.has_value(); }
  [[nodiscard]] const Error& error() const {
    if (!error_) detail::wrong_access();
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

}  // namespace crier::client
