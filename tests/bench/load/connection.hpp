// One connection of a run: a subscriber or a publisher, from connect() to its end.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "tests/bench/load/frame_template.hpp"
#include "tests/bench/load/frames.hpp"
#include "tests/bench/load/marker_scanner.hpp"
#include "tests/bench/load/sequences.hpp"

struct ssl_st;

namespace crier::bench {

class Run;
class Worker;

// Belongs to one worker's thread; others look at it only before the workers start and after they have stopped.
class Connection final : private FrameSink {
 public:
  enum class Role : std::uint8_t { subscriber, websocket_publisher, http_publisher };
  enum class State : std::uint8_t { unopened, connecting, tls, upgrade, dialogue, ready, closed };

  Connection(Run& run, Worker& worker, std::uint32_t number, std::uint32_t channel, Role role);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Starts to connect. Ready once the handshake, the login and, for a subscriber, the subscription are done.
  void open();
  void on_event(std::uint32_t events);

  // A slow subscriber stops reading when it is ready, until resume().
  void make_slow() { slow_ = true; }
  void resume();

  // Both append to what is unsent; flush() sends, and is true when the kernel took everything.
  void send_frame(std::uint8_t opcode, std::string_view payload);
  void send_publish_request(const Variables& values, std::string_view body);
  bool flush();
  [[nodiscard]] bool all_sent() const { return unsent_at_ == unsent_.size(); }
  // May a publisher publish now? Not while an HTTP pipeline is full.
  [[nodiscard]] bool can_publish() const;

  [[nodiscard]] Role role() const { return role_; }
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] std::uint32_t number() const { return number_; }
  [[nodiscard]] bool slow() const { return slow_; }
  // How it ended: "open" if it did not, "close_CODE", "eof", "reset" or what failed.
  [[nodiscard]] std::string fate() const;
  // What came before it was ready and nobody waited for, and how far the dialogue is.
  [[nodiscard]] const std::string& received() const { return received_; }
  [[nodiscard]] std::size_t steps_done() const { return steps_done_; }
  // Messages of its channel that this subscriber did not get, of all published.
  [[nodiscard]] std::uint64_t missing() const;

 private:
  bool on_data(const char* p, std::size_t n, bool whole_frame) override;
  bool on_ping(std::string_view payload) override;
  bool on_close(int code, std::string_view payload) override;
  void on_violation(const char* what) override;

  bool bind_to_source();
  void on_connected();
  void tls_handshake();
  void start_upgrade();
  void on_upgrade_response();
  void advance_dialogue();
  void become_ready();
  void lost(const char* how);
  void watch(std::uint32_t events);
  [[nodiscard]] bool alive() const { return state_ != State::closed; }
  [[nodiscard]] Variables variables() const;

  ssize_t read_some(char* p, std::size_t n);
  ssize_t write_some(const char* p, std::size_t n);
  void on_readable();
  void consume(const char* p, std::size_t n);
  void on_http_responses();
  void answer_ping(const char* p, std::size_t n);
  void on_marker(const Marker& marker);

  Run& run_;
  Worker& worker_;
  const std::uint32_t number_;
  const std::uint32_t channel_;
  const std::string id_;
  const Role role_;
  State state_ = State::unopened;
  bool slow_ = false;
  bool paused_ = false;
  bool waiting_to_write_ = false;
  int fd_ = -1;
  ssl_st* ssl_ = nullptr;
  int close_code_ = 0;              // of the server's close frame; 0: none
  const char* ended_by_ = nullptr;  // once it is closed

  std::string unsent_;
  std::size_t unsent_at_ = 0;
  std::string received_;  // during the handshake, the dialogue, and HTTP
  std::size_t steps_done_ = 0;
  int requests_outstanding_ = 0;

  FrameReader reader_;
  MarkerScanner scanner_;
  Sequences sequences_;
};

}  // namespace crier::bench
