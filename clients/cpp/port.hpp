// What the core of a client wants of the world: sockets, time and chance. So it runs in tests without any of them.
#pragma once

#include <crier/options.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "clients/cpp/outbox.hpp"
#include "clients/cpp/verdict.hpp"
#include "protocol/websocket/close_code.hpp"

namespace crier::client {

// None of these calls back into the core before it returns.
class Port {
 public:
  virtual ~Port() = default;

  [[nodiscard]] virtual TimePoint now() = 0;
  [[nodiscard]] virtual std::uint64_t random() = 0;

  // Begins an attempt: Core::on_open or Core::on_end follows.
  virtual void connect(const std::string& token) = 0;
  // What an attempt would end with, had its connection ended now: an answer of HTTP's whose end did not come.
  [[nodiscard]] virtual std::optional<LinkEnd> refusal() = 0;
  // Cuts the connection or the attempt; nothing more is heard of it.
  virtual void drop() = 0;
  // Can a message be sent? If not, Core::on_ready follows.
  [[nodiscard]] virtual bool ready() = 0;
  virtual void send(std::string_view text) = 0;
  // Says goodbye behind what was sent; Core::on_end follows, if the peer answers.
  virtual void close(websocket::CloseCode code) = 0;
  // When something last came from the broker, a ping included.
  [[nodiscard]] virtual TimePoint heard_at() = 0;
  virtual void pause_reading(bool paused) = 0;

  // Core::turn follows soon, when whoever runs now has returned.
  virtual void want_turn() = 0;
  // Core::on_time follows at that time, or before. Only the latest wish counts.
  virtual void want_time(TimePoint at) = 0;
  virtual void want_no_time() = 0;
  // Asks Options::token_source; Core::on_token follows, with the same number.
  virtual void ask_token(TokenReason reason, std::uint64_t question) = 0;
};

}  // namespace crier::client
