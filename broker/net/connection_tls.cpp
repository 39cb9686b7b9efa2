// Reading and writing of a connection that speaks TLS.
#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "broker/net/connection.hpp"
#include "broker/net/connection_extra.hpp"
#include "broker/net/worker.hpp"

namespace crier::net {

// At most one scratch buffer full, then it is others' turn. A paused one reads nothing: what TLS holds meanwhile is
// asked for by `feed_rest`.
void Connection::read_tls() {
  TlsStream& tls = *extra_->tls;
  if (tls.writing_waits_for_read) want_flush();
  if (reading_paused()) return;
  std::vector<char>& scratch = worker_.scratch();
  std::size_t got = 0;
  const TlsStream::Step step = tls.read(scratch, got);
  if (got > 0) {
    last_heard_ = worker_.wheel().now();
    worker_.environment().received_ns = steady_ns();
    feed({scratch.data(), got});
    if (closed_) return;
    if (finishing_) return wait_readable();
  }
  switch (step) {
    case TlsStream::Step::done:
      resumed_ = true;
      want_flush();
      return;
    case TlsStream::Step::wants_read: return wait_readable();
    case TlsStream::Step::wants_write:
      if (!writing_) wait_writable();
      return;
    case TlsStream::Step::finished:
      // What came before the end comes first: TLS tells of the end again.
      if (reading_paused()) return;
      peer_finished_ = true;
      return transport_->on_peer_finished();
    case TlsStream::Step::failed: return close();
  }
}

void Connection::write_tls() {
  TlsStream& tls = *extra_->tls;
  std::size_t total = 0;
  while (!writing_ && !all_sent()) {
    TlsStream::Step step = TlsStream::Step::done;
    if (tls.holds_output()) {
      step = tls.write_rest();
    } else {
      std::size_t taken = 0;
      step = tls.write(next_record(), taken);
      // Taken over for good: the outbox may drop what is left, and the frame in hand is what begins with these bytes.
      if (step != TlsStream::Step::failed) outbox_.consume(taken);
      total += taken;
    }
    if (step == TlsStream::Step::done) {
      on_progress();
    } else if (step == TlsStream::Step::wants_write) {
      wait_writable();
    } else if (step == TlsStream::Step::wants_read) {
      wait_readable();  // and then `read_tls` flushes
      break;
    } else {
      return close();
    }
  }
  if (total > 0) worker_.metrics().flush_bytes.observe(static_cast<double>(total));
}

// Small pieces are put together, as every record costs a head, a tag and a system call.
std::string_view Connection::next_record() {
  std::array<std::string_view, 64> pieces;
  const std::size_t count = outbox_.gather(pieces);
  if (count == 1 || pieces[0].size() >= TlsStream::record_bytes_max) return pieces[0];
  const std::span<char> record = worker_.record();
  std::size_t filled = 0;
  for (const std::string_view piece : std::span(pieces).first(count)) {
    const std::size_t bytes = std::min(piece.size(), record.size() - filled);
    std::memcpy(record.data() + filled, piece.data(), bytes);
    filled += bytes;
  }
  return {record.data(), filled};
}

bool Connection::all_sent() const noexcept {
  return outbox_.empty() && !(secure() && extra_->tls->holds_output());
}

bool Connection::said_goodbye() {
  switch (extra_->tls->finish()) {
    case TlsStream::Step::wants_write:
      if (!writing_) wait_writable();
      return false;
    default: return true;  // a peer that does not hear it any more sees the socket's end
  }
}

}  // namespace crier::net
