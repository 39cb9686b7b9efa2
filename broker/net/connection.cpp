#include "broker/net/connection.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <asio/error.hpp>
#include <cerrno>
#include <new>
#include <utility>

#include "broker/net/connection_extra.hpp"
#include "broker/net/worker.hpp"
#include "broker/runtime/log_site.hpp"
#include "protocol/base/check.hpp"

namespace crier::net {

// The wait operation's memory lies in the connection: one wait is out at a time.
template <class T>
class Connection::OperationAllocator {
 public:
  using value_type = T;
  explicit OperationAllocator(OperationMemory& memory) noexcept : memory_(&memory) {}
  template <class U>
  explicit OperationAllocator(const OperationAllocator<U>& other) noexcept : memory_(other.memory_) {}
  [[nodiscard]] T* allocate(std::size_t count) {
    if (!memory_->taken && count * sizeof(T) <= operation_bytes) {
      memory_->taken = true;
      return reinterpret_cast<T*>(memory_->bytes.data());
    }
    return static_cast<T*>(::operator new(count * sizeof(T)));
  }
  void deallocate(T* pointer, std::size_t /*count*/) noexcept {
    if (reinterpret_cast<std::byte*>(pointer) == memory_->bytes.data()) {
      memory_->taken = false;
    } else {
      ::operator delete(pointer);
    }
  }
  friend bool operator==(const OperationAllocator&, const OperationAllocator&) = default;

 private:
  template <class U>
  friend class OperationAllocator;
  OperationMemory* memory_;
};

class Connection::ReadReady {
 public:
  using allocator_type = OperationAllocator<std::byte>;
  explicit ReadReady(Connection& connection) noexcept : connection_(&connection) {}
  [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type(connection_->read_memory_); }
  void operator()(const asio::error_code& /*error: recv tells*/) const {
    connection_->reading_ = false;
    connection_->operation_done();
    if (!connection_->closed_) connection_->on_readable();
  }

 private:
  Connection* connection_;
};

Connection::Connection(Worker& worker, Socket socket) : worker_(worker), socket_(std::move(socket)) {}

Connection::~Connection() {
  worker_.gate().leave(counted_as_);
}

bool Connection::secure() const noexcept {
  return extra_ && extra_->tls;
}

void Connection::start(std::unique_ptr<Transport> transport) {
  transport_ = std::move(transport);
  last_heard_ = worker_.wheel().now();
  if (secure()) return read_tls();  // what came right behind the handshake may be in already
  wait_readable();
}

// --- reading

void Connection::wait_readable() {
  if (reading_ || peer_finished_ || closed_) return;
  if (pauses_ > 0 && !finishing_ && !(secure() && extra_->tls->writing_waits_for_read)) return;
  reading_ = true;
  ++operations_;
  socket_.async_wait(Socket::wait_read, ReadReady(*this));
}

void Connection::on_readable() {
  // While finishing, records are thrown away as they come.
  if (extra_ && !finishing_) {
    if (extra_->beginning) return on_beginning_readable();
    if (extra_->tls) return read_tls();
  }
  // Fields of the loop's scratch buffer belong to us until this returns.
  std::vector<char>& scratch = worker_.scratch();
  const ssize_t got = ::recv(socket_.native_handle(), scratch.data(), scratch.size(), 0);
  if (got > 0) {
    worker_.metrics().bytes_in.add(static_cast<std::uint64_t>(got));
    last_heard_ = worker_.wheel().now();
    if (!finishing_) {
      worker_.environment().received_ns = steady_ns();
      feed({scratch.data(), static_cast<std::size_t>(got)});
    }
    return wait_readable();
  }
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return wait_readable();
  if (got < 0) return close();
  peer_finished_ = true;
  if (!finishing_) return transport_->on_peer_finished();
  if (all_sent()) close();  // otherwise what is queued may still reach a peer that only sends no more
}

void Connection::feed(std::span<char> bytes) {
  while (auto carried_on = transport_->on_bytes(bytes)) {
    transport_ = std::move(carried_on);
    if (closed_ || finishing_) return;
  }
  if (bytes.empty() || closed_ || finishing_) return;
  CRIER_ASSERT(reading_paused());
  if (!extra_) extra_ = std::make_unique<Extra>();
  extra_->rest.append(bytes.data(), bytes.size());
}

// What was read before a pause comes first. At the end of a turn, when no session is on the stack.
void Connection::feed_rest() {
  while (extra_ && !extra_->rest.empty() && !reading_paused() && !closed_ && !finishing_) {
    std::string rest = std::exchange(extra_->rest, {});
    worker_.environment().received_ns = steady_ns();
    feed(rest);
  }
  // What is decrypted already, no readiness announces.
  const bool read_on = secure() && !finishing_ && !closed_ && !peer_finished_;
  if (read_on) return read_tls();
  wait_readable();
}

void Connection::pause_reading() {
  if (pauses_++ == 0) worker_.metrics().reads_paused.add();
}

void Connection::resume_reading() {
  CRIER_ASSERT(pauses_ > 0);
  if (--pauses_ > 0) return;
  last_heard_ = worker_.wheel().now();  // the idle clock stood still
  if (closed_ || finishing_) return;
  transport_->on_resumed();
  resumed_ = true;
  want_flush();
}

// --- writing

void Connection::want_flush() {
  if (dirty_ || closed_) return;
  dirty_ = true;
  worker_.flush_later(*this);
}

void Connection::flush() {
  dirty_ = false;
  if (closed_) return;
  if (extra_ && extra_->beginning) return worker_.handshakes().make_ready(*this);
  if (secure()) {
    write_tls();
  } else {
    write_plain();
  }
  if (closed_) return;
  after_flush();
  if (!resumed_ || closed_) return;
  resumed_ = false;
  feed_rest();
}

void Connection::write_plain() {
  // While a wait is out the socket is full: nobody sends, or pieces would overtake each other.
  while (!writing_ && !outbox_.empty()) {
    std::array<std::string_view, 64> pieces;
    std::array<iovec, 64> vectors;
    const std::size_t count = outbox_.gather(pieces);
    std::size_t total = 0;
    for (std::size_t i = 0; i < count; ++i) {
      vectors[i] = {const_cast<char*>(pieces[i].data()), pieces[i].size()};  // NOLINT: sendmsg only reads
      total += pieces[i].size();
    }
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = count;
    const ssize_t sent = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS) return close();
      return wait_writable();
    }
    worker_.metrics().bytes_out.add(static_cast<std::uint64_t>(sent));
    worker_.metrics().flush_bytes.observe(static_cast<double>(sent));
    outbox_.consume(static_cast<std::size_t>(sent));
    on_progress();
    if (static_cast<std::size_t>(sent) < total) wait_writable();
  }
}

void Connection::on_progress() {
  if (finishing_ && finish_again_ > 0) worker_.wheel().schedule(*this, worker_.wheel().now() + finish_again_);
}

void Connection::after_flush() {
  if (!outbox_.empty()) outbox_.retain();
  if (!finishing_ && !transport_->on_waiting(outbox_.bytes())) overflow();
  if (!all_sent()) return;
  if (finishing_ && !shut_down_) {
    if (secure() && !said_goodbye()) return;
    shut_down_ = true;
    asio::error_code ignored;  // the peer may be gone already: reading tells
    socket_.shutdown(Socket::shutdown_send, ignored);
    if (peer_finished_) return close();
  }
  if (!overflowed_) return;
  overflowed_ = false;
  transport_->on_drained();
}

bool Connection::can_give_up() const {
  if (closed_ || outbox_.bytes() == 0) return false;
  return !transport_ || !transport_->drops_on_overflow() || (!overflowed_ && !finishing_);
}

void Connection::give_up() {
  if (transport_ && transport_->drops_on_overflow()) return overflow();
  close(/*reset=*/true);
}

void Connection::overflow() {
  if (overflowed_ || finishing_ || closed_) return;
  overflowed_ = true;
  transport_->on_overflow();
}

void Connection::wait_writable() {
  writing_ = true;
  ++operations_;
  socket_.async_wait(Socket::wait_write, [this](const asio::error_code&) {
    writing_ = false;
    operation_done();
    if (secure() && extra_->tls->reading_waits_for_write) resumed_ = true;
    if (!closed_) want_flush();
  });
}

// --- the end

void Connection::finish(Patience patience) {
  if (finishing_ || closed_) return;
  finishing_ = true;
  // Now, while the socket knows whose it is.
  log_end(transport_ ? transport_->ending() : Ending{runtime::CloseReason::refused});
  if (extra_) extra_->rest = {};
  if (patience.again_on_progress) finish_again_ = ticks(patience.time);
  worker_.wheel().schedule(*this, worker_.wheel().now() + ticks(patience.time));
  wait_readable();  // even when paused: what comes is thrown away, and the peer's end is seen
  want_flush();
}

void Connection::close(bool reset) {
  if (closed_) return;
  closed_ = true;
  worker_.wheel().cancel(*this);
  outbox_.clear();
  if (extra_ && extra_->beginning) worker_.handshakes().leave(*this);
  const Ending ending = transport_ ? transport_->ending() : Ending{runtime::CloseReason::refused};
  worker_.metrics().closed.add(to_string(ending.reason));
  if (!finishing_) log_end(ending);
  if (!reset && !shut_down_ && started() && secure()) static_cast<void>(extra_->tls->finish());  // if it gets through
  asio::error_code ignored;  // a descriptor is released whatever close() says
  if (reset) socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  socket_.close(ignored);
  if (operations_ == 0) worker_.forget(*this);
}

void Connection::log_end(const Ending& ending) const {
  runtime::LogSites& sites = runtime::log_sites();
  const runtime::Concern concern = concern_of(ending.reason);
  runtime::LogSite& site = concern == runtime::Concern::none     ? sites.closed
                           : concern == runtime::Concern::client ? sites.closed_for_cause
                                                                 : sites.cut;
  if (!site.admits()) return;
  site.write({{"reason", std::string(to_string(ending.reason))},
              {"client", client_address()},
              {"session", ending.session ? ending.session->text() : ""},
              {"detail", std::string(ending.detail)}});
}

void Connection::operation_done() {
  CRIER_ASSERT(operations_ > 0);
  --operations_;
  if (closed_ && operations_ == 0) worker_.forget(*this);
}

void Connection::set_deadline(runtime::Tick deadline) {
  if (!finishing_ && !closed_) worker_.wheel().schedule(*this, deadline);
}

void Connection::on_deadline() {
  if (finishing_) return close(/*reset=*/!all_sent());
  if (!transport_) return on_beginning_deadline();
  transport_->on_deadline(worker_.wheel().now());
}

}  // namespace crier::net
