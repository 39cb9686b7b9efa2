// One WebSocket connection to the broker, from connect() to its end.
#pragma once

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "tests/bench/load/frames.hpp"
#include "tests/bench/load/handshake.hpp"
#include "tests/bench/storm/loop.hpp"

namespace crier::storm {

struct FreeTls {
  void operator()(SSL_CTX* context) const { ::SSL_CTX_free(context); }
  void operator()(SSL* connection) const {
    // Otherwise OpenSSL forbids to resume the session of a connection that broke off, which is what comes back here.
    ::SSL_set_shutdown(connection, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    ::SSL_free(connection);
  }
  void operator()(SSL_SESSION* session) const { ::SSL_SESSION_free(session); }
};
using Ticket = std::unique_ptr<SSL_SESSION, FreeTls>;

// Where the broker is. Certificates are not checked: what a storm costs is the question here.
struct Endpoint {
  Endpoint(const std::string& host, std::uint16_t port, bool tls);

  sockaddr_in address{};
  std::unique_ptr<SSL_CTX, FreeTls> tls;  // null: plain
  bench::HandshakeKey key = bench::HandshakeKey::make();
  std::string upgrade_request;
};

// How a connection ended, or why there was none.
struct End {
  int close_code = 0;     // of the server's close frame
  int error = 0;          // errno
  int http_status = 0;    // of a refused upgrade
  int retry_after_s = 0;  // which that answer asked for
};

class Connection final : private Handler, private bench::FrameSink {
 public:
  class Owner {
   public:
    virtual void on_open() = 0;
    virtual void on_text(std::string_view text) = 0;
    // Last of all calls. The owner destroys the connection later, by a timer.
    virtual void on_end(const End& end) = 0;

   protected:
    ~Owner() = default;
  };

  // `source` numbers the address it comes from: one has some 28,000 ports. With a ticket the TLS session is
  // resumed, and the ticket renewed.
  Connection(Loop& loop, const Endpoint& endpoint, Owner& owner, Lane lane, std::uint32_t source, Ticket* ticket);
  // Resets the connection, without a word to its owner.
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // May end at once.
  void open();
  void send(std::string_view text);
  [[nodiscard]] bool is_open() const { return state_ == State::open; }
  [[nodiscard]] bool tls_resumed() const { return tls_ && ::SSL_session_reused(tls_.get()) != 0; }

 private:
  enum class State : std::uint8_t { unopened, connecting, tls, upgrade, open, closing, closed };

  void on_events(std::uint32_t events) override;
  bool on_data(const char* p, std::size_t n, bool whole_frame) override;
  bool on_message_end() override;
  bool on_ping(std::string_view payload) override;
  bool on_close(int code, std::string_view payload) override;
  void on_violation(const char* what) override;

  static int keep_ticket(SSL* tls, SSL_SESSION* session);
  void make_tls();
  void on_connected();
  void tls_handshake();
  void start_upgrade();
  void take_upgrade_response();
  void on_readable();
  void flush();
  void end(int error);
  [[nodiscard]] Lane connecting_lane() const { return lane_ == Lane::crowd ? Lane::newcomers : lane_; }
  [[nodiscard]] bool alive() const { return state_ != State::closed; }
  [[nodiscard]] ssize_t read_some(char* p, std::size_t n);
  [[nodiscard]] ssize_t write_some(const char* p, std::size_t n);

  Loop& loop_;
  const Endpoint& endpoint_;
  Owner& owner_;
  const Lane lane_;
  const std::uint32_t source_;
  Ticket* const ticket_;
  State state_ = State::unopened;
  bool waiting_to_write_ = false;
  int descriptor_ = -1;
  std::unique_ptr<SSL, FreeTls> tls_;
  End end_;
  std::string out_;
  std::string in_;  // the upgrade's response, then the message that is coming
  bench::FrameReader reader_;
};

}  // namespace crier::storm
