// Whose turn it is for a TLS handshake, on one loop.
//
// A handshake costs a signature, a millisecond perhaps, and memory. So only so many are in flight, whoever is beyond
// waits unread; and of those whose socket is ready one makes a step at a time, behind everything else that the loop
// has to do: a storm of connects slows connecting, never delivering.
//
// Owner: the worker. Thread: its loop's.
#pragma once

#include <asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <list>

#include "broker/runtime/thread_metrics.hpp"
#include "broker/runtime/timer_wheel.hpp"

namespace crier::net {

class Connection;

class HandshakeQueue {
 public:
  // What a connection keeps of it.
  class Place {
   public:
    Place() = default;
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

   private:
    friend class HandshakeQueue;
    enum class State : std::uint8_t { outside, waiting, in_flight, ready, stalled };
    State state_ = State::outside;
    std::list<Connection*>::iterator at_;
    runtime::Tick since_ = 0;  // of its last step, or of its turn
  };

  HandshakeQueue(asio::io_context& context, const runtime::TimerWheel& wheel, runtime::ThreadMetrics& metrics)
      : context_(context), wheel_(wheel), metrics_(metrics) {}
  HandshakeQueue(const HandshakeQueue&) = delete;
  HandshakeQueue& operator=(const HandshakeQueue&) = delete;

  // The connection wants a handshake: its `take_handshake_turn` is called when it may begin, at most `in_flight_max`
  // at a time, and right behind it its `step_handshake`.
  void enter(Connection& connection, std::size_t in_flight_max);
  // Its socket is ready for the next step: `step_handshake` is called soon.
  void make_ready(Connection& connection);
  // While others wait, whoever has let `stalled_max` go by since its last step loses its place to them, and goes on
  // without one when its peer does: its signature is paid for. Of these there are at most `stalled_share` times as many
  // as places; beyond that the oldest is given up. From time to time.
  void set_aside_stalled(runtime::Tick now, runtime::Tick stalled_max);
  static constexpr std::size_t stalled_share = 4;
  // It is done, or gone. Also for one that never entered.
  void leave(Connection& connection);

 private:
  void admit();
  void run();
  void post();

  asio::io_context& context_;
  const runtime::TimerWheel& wheel_;
  runtime::ThreadMetrics& metrics_;
  std::list<Connection*> waiting_;
  std::list<Connection*> in_flight_;  // their sockets are not ready; whose last step is longest ago comes first
  std::list<Connection*> ready_;
  std::list<Connection*> stalled_;  // likewise; not counted against in_flight_max
  std::size_t in_flight_max_ = 1;
  bool posted_ = false;
};

}  // namespace crier::net
