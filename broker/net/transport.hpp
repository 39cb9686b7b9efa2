// What a connection carries: HTTP first, a WebSocket after an upgrade. Thread: its loop's.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "broker/runtime/timer_wheel.hpp"

namespace crier::net {

class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  // Takes bytes from the front of `bytes`, in place. Returns what carries the rest of them, after an
  // upgrade. Otherwise everything was taken, unless reading was paused on the way: then the connection
  // keeps the rest and comes back with it.
  [[nodiscard]] virtual std::unique_ptr<Transport> on_bytes(std::span<char>& bytes) = 0;
  // The peer will send no more.
  virtual void on_peer_finished() = 0;
  // The deadline that was set has come.
  virtual void on_deadline(runtime::Tick now) = 0;
  // After every attempt to write: so many bytes of the outbox still wait. False: that is more than it may hold.
  [[nodiscard]] virtual bool on_waiting(std::size_t bytes) = 0;
  // The outbox is over its limit, and this was decided after an attempt to write.
  virtual void on_overflow() = 0;
  // Does that free what waits? Otherwise the connection has to go when the broker wants its memory back.
  [[nodiscard]] virtual bool drops_on_overflow() const { return true; }
  // The broker drains: `on_shutdown` follows after `in`, unless the connection has ended by then.
  virtual void on_drain(std::chrono::milliseconds in) = 0;
  // Another process has taken over: what could not be gone on with there ends now, and is told. True: the connection
  // loses by waiting, and should be among the first to leave.
  [[nodiscard]] virtual bool on_handed_over() { return false; }
  // The broker stops: say goodbye.
  virtual void on_shutdown() = 0;
  // The configuration has changed: what may no longer be ends.
  virtual void on_reload() {}
  // Reading goes on after a pause.
  virtual void on_resumed() {}
  // Everything that was waiting after an overflow has been sent.
  virtual void on_drained() {}
  // Why the connection ended, for metrics ("normal", "slow_consumer", "http" …).
  [[nodiscard]] virtual std::string_view close_label() const = 0;
};

}  // namespace crier::net
