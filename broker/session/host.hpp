// What a session needs of the connection that carries it. Thread: its loop's.
#pragma once

#include <string_view>

#include "broker/session/outbox.hpp"
#include "protocol/websocket/close_code.hpp"

namespace crier::session {

class Host {
 public:
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  [[nodiscard]] Outbox& outbox() noexcept { return outbox_; }
  // There is something to send: the outbox is flushed once at the end of the turn.
  virtual void want_flush() = 0;
  // Back-pressure: while paused, nothing is read from the peer and its idle clock stands still.
  virtual void pause_reading() = 0;
  virtual void resume_reading() = 0;

 protected:
  Host() = default;
  ~Host() = default;
  Outbox outbox_;
};

}  // namespace crier::session
