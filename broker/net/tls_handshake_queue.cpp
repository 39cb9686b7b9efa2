#include "broker/net/tls_handshake_queue.hpp"

#include <asio/post.hpp>

#include "broker/net/connection.hpp"
#include "protocol/base/check.hpp"

namespace crier::net {

void HandshakeQueue::enter(Connection& connection, std::size_t in_flight_max) {
  Place& place = connection.handshake_place();
  CRIER_ASSERT(place.state_ == Place::State::outside && in_flight_max > 0);
  in_flight_max_ = in_flight_max;
  place.state_ = Place::State::waiting;
  place.at_ = waiting_.insert(waiting_.end(), &connection);
  metrics_.tls_waiting.add(1);
  post();
}

void HandshakeQueue::make_ready(Connection& connection) {
  Place& place = connection.handshake_place();
  const bool stalled = place.state_ == Place::State::stalled;
  if (place.state_ != Place::State::in_flight && !stalled) return;
  place.state_ = Place::State::ready;
  ready_.splice(ready_.end(), stalled ? stalled_ : in_flight_, place.at_);
  if (stalled) metrics_.tls_in_flight.add(1);
  post();
}

void HandshakeQueue::leave(Connection& connection) {
  Place& place = connection.handshake_place();
  switch (place.state_) {
    case Place::State::outside: return;
    case Place::State::waiting:
      waiting_.erase(place.at_);
      metrics_.tls_waiting.add(-1);
      break;
    case Place::State::stalled: stalled_.erase(place.at_); break;
    case Place::State::in_flight:
    case Place::State::ready:
      (place.state_ == Place::State::ready ? ready_ : in_flight_).erase(place.at_);
      metrics_.tls_in_flight.add(-1);
      if (!waiting_.empty()) post();
      break;
  }
  place.state_ = Place::State::outside;
}

void HandshakeQueue::post() {
  if (posted_) return;
  posted_ = true;
  // Behind what is ready now: on a one-thread context the loop looks for events and runs them between two steps.
  asio::post(context_, [this] {
    posted_ = false;
    run();
  });
}

void HandshakeQueue::admit() {
  while (!waiting_.empty() && in_flight_.size() + ready_.size() < in_flight_max_) {
    Connection& connection = *waiting_.front();
    Place& place = connection.handshake_place();
    place.state_ = Place::State::ready;
    ready_.splice(ready_.end(), waiting_, place.at_);
    metrics_.tls_waiting.add(-1);
    metrics_.tls_in_flight.add(1);
    connection.take_handshake_turn();
  }
}

void HandshakeQueue::set_aside_stalled(runtime::Tick now, runtime::Tick stalled_max) {
  for (std::size_t room = waiting_.size(); room > 0 && !in_flight_.empty(); --room) {
    Place& place = in_flight_.front()->handshake_place();
    if (now - place.since_ < stalled_max) break;
    place.state_ = Place::State::stalled;
    stalled_.splice(stalled_.end(), in_flight_, place.at_);
    metrics_.tls_in_flight.add(-1);
    post();
  }
  while (stalled_.size() > stalled_share * in_flight_max_) stalled_.front()->give_up_handshake();  // leaves
}

void HandshakeQueue::run() {
  admit();
  if (!ready_.empty()) {
    Connection& connection = *ready_.front();
    Place& place = connection.handshake_place();
    place.state_ = Place::State::in_flight;
    place.since_ = wheel_.now();
    in_flight_.splice(in_flight_.end(), ready_, place.at_);
    connection.step_handshake();
  }
  const bool room = !waiting_.empty() && in_flight_.size() + ready_.size() < in_flight_max_;
  if (!ready_.empty() || room) post();
}

}  // namespace crier::net
