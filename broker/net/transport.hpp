// What a connection carries: HTTP first, a WebSocket after an upgrade. Thread: its loop's.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "broker/hub/message.hpp"
#include "broker/runtime/close_reason.hpp"
#include "broker/runtime/timer_wheel.hpp"

namespace crier::net {

// How a connection has ended, for metrics and the log.
struct Ending {
  runtime::CloseReason reason = runtime::CloseReason::abnormal;
  std::string_view detail = {};  // what the client was told, of static storage
  std::optional<hub::SessionId> session = std::nullopt;
};

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
  // The process stood still for a while, and steady time has gone on: what is due by it is due now. Peers' time has
  // not.
  virtual void on_woken(runtime::Tick /*now*/) {}
  // Reading goes on after a pause.
  virtual void on_resumed() {}
  // Everything that was waiting after an overflow has been sent.
  virtual void on_drained() {}
  [[nodiscard]] virtual Ending ending() const = 0;
};

}  // namespace crier::net
