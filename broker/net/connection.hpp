// One socket: the one place where bytes meet Asio.
//
// Reading: wait until readable, one non-blocking recv into the loop's scratch buffer, then wait again; so
// an idle connection has no buffer of its own (I7). Never async_read_some into the scratch buffer: a
// speculative read may complete later and be lost or doubled.
// Writing: at most one gathered send a turn, tried at once; only what did not fit waits for the socket.
// Before it carries HTTP, a connection may have to begin (connection_beginning.cpp): a PROXY header, a TLS handshake.
// With TLS, what is read and written goes through a TlsStream (connection_tls.cpp); the waiting is the same.
//
// Owner: the worker. Thread: the worker's. It lives until its socket is closed and its last operation
// has come back.
#pragma once

#include <array>
#include <asio/basic_stream_socket.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "broker/net/gate.hpp"
#include "broker/net/tls_context.hpp"
#include "broker/net/tls_handshake_queue.hpp"
#include "broker/net/transport.hpp"
#include "broker/runtime/timer_wheel.hpp"
#include "broker/session/host.hpp"

namespace crier::net {

class Worker;

// Typed by its context: any_io_executor would make every socket 48 bytes bigger.
using Socket = asio::basic_stream_socket<asio::ip::tcp, asio::io_context::executor_type>;

// What comes before HTTP on a listener's connections.
struct Opening {
  bool proxy_header = false;               // one of the PROXY protocol, version 2
  std::shared_ptr<const TlsContexts> tls;  // none: in the clear
};

// A socket that the listener has accepted.
struct Accepted {
  int descriptor = -1;
  AddressKey counted_as = AddressKey::none;  // at the gate, already
};

class Connection final : public session::Host, public runtime::TimerWheel::Entry {
 public:
  Connection(Worker& worker, Socket socket);
  ~Connection() override;

  // Counts for limits.connections_per_ip_max from now to its end, where `key` is not `none`. Once.
  void count_as(AddressKey key) noexcept { counted_as_ = key; }
  [[nodiscard]] bool counted() const noexcept { return counted_as_ != AddressKey::none; }
  // Counts as that one unless it is counted already, or a trusted proxy's. False: there are as many as may be.
  [[nodiscard]] bool enter_as(std::string_view address);

  // Begins; when everything that `opening` asks for is over, Worker::opened is told, perhaps at once.
  void open(const Opening& opening);
  void start(std::unique_ptr<Transport> transport);

  void want_flush() override;
  void pause_reading() override;
  void resume_reading() override;

  // Sends what the outbox holds. Called by the worker at the end of a turn, when all chunks are sealed.
  void flush();
  // How long the end may take. `again_on_progress`: as long as the peer takes something of what is
  // queued, it gets that time anew.
  struct Patience {
    std::chrono::milliseconds time;
    bool again_on_progress = false;
  };
  // Nothing more will be said: flush, shut down our side, wait a little for the peer to read it all and
  // to close, then close. So that an answer arrives although bytes that nobody reads may follow.
  void finish(Patience patience);
  // Closes now; what is queued is lost. `reset`: tell the peer by RST.
  void close(bool reset = false);

  void set_deadline(runtime::Tick deadline);
  [[nodiscard]] Worker& worker() noexcept { return worker_; }
  [[nodiscard]] runtime::Tick last_heard() const noexcept { return last_heard_; }
  [[nodiscard]] bool reading_paused() const noexcept { return pauses_ > 0; }
  [[nodiscard]] bool closed() const noexcept { return closed_; }
  // False while it begins, and then there is no transport.
  [[nodiscard]] bool started() const noexcept { return transport_ != nullptr; }
  // Is what it carries encrypted on the way?
  [[nodiscard]] bool secure() const noexcept;
  // Where the client is, as text without a port: "192.0.2.7", "2001:db8::9". From a PROXY header where there was one
  // that said so, else of the socket. "unix": a socket in the file system. "": the peer is gone.
  [[nodiscard]] std::string peer_address() const;
  // The same as a trusted proxy told it in the request that became a WebSocket or a stream, where there was one.
  [[nodiscard]] std::string client_address() const;
  void set_client_address(std::string address);
  // Holds bytes that `give_up` would free.
  [[nodiscard]] bool can_give_up() const;
  // The memory of what waits is wanted back: the outbox is treated as over its limit, or the connection goes.
  // After an attempt to write.
  void give_up();
  [[nodiscard]] Transport& transport() noexcept { return *transport_; }

  // For the queue of handshakes.
  [[nodiscard]] HandshakeQueue::Place& handshake_place() noexcept;
  void take_handshake_turn();
  void step_handshake();
  void give_up_handshake();

  // Links of the worker's list.
  Connection* previous = nullptr;
  Connection* next = nullptr;

 private:
  friend class Worker;
  // Asio's wait operation fits in here, so that waiting for bytes takes no memory from the heap.
  static constexpr std::size_t operation_bytes = 96;
  struct OperationMemory {
    alignas(16) std::array<std::byte, operation_bytes> bytes;
    bool taken = false;
  };
  template <class T>
  class OperationAllocator;
  class ReadReady;
  struct Beginning;
  struct Extra;

  void on_beginning_readable();
  void read_proxy_header();
  void await_first_record();
  void refuse_proxy_header(std::string_view why);
  void refuse_source();
  void on_begun();
  void on_handshake_failed(std::string_view label);
  void log_tls_fault(std::string_view label) const;
  void on_beginning_deadline();

  void wait_readable();
  void on_readable();
  void feed(std::span<char> bytes);
  void feed_rest();
  void read_tls();
  void write_plain();
  void write_tls();
  [[nodiscard]] std::string_view next_record();
  // Has the socket, or what encrypts for it, taken everything? All but the outbox may be with the latter.
  [[nodiscard]] bool all_sent() const noexcept;
  [[nodiscard]] bool said_goodbye();
  void on_progress();
  void after_flush();
  void overflow();
  void wait_writable();
  void operation_done();
  void log_end(const Ending& ending) const;
  void on_deadline() override;

  Worker& worker_;
  AddressKey counted_as_ = AddressKey::none;
  Socket socket_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<Extra> extra_;  // what most connections have not
  OperationMemory read_memory_;
  runtime::Tick last_heard_ = 0;
  runtime::Tick leaves_at_ = 0;     // while the broker drains: when its turn comes; 0: it has none
  runtime::Tick finish_again_ = 0;  // while finishing, progress moves the deadline by so much; 0: it stands
  std::uint8_t operations_ = 0;     // of Asio's that have not come back
  bool reading_ = false;            // a wait for readability is out
  std::uint8_t pauses_ = 0;         // by so many who have not resumed yet
  bool writing_ = false;            // a wait for writability is out: until then nobody sends
  bool dirty_ = false;              // in the worker's list of what to flush
  bool resumed_ = false;            // reading goes on at the end of the turn, first with what is left
  bool peer_finished_ = false;      // it will send no more
  bool finishing_ = false;          // what comes in is thrown away
  bool shut_down_ = false;          // our side is closed
  bool overflowed_ = false;
  bool closed_ = false;
};

}  // namespace crier::net
