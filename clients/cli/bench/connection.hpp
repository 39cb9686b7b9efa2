// One connection of a run: how it comes about, what it hears, how it ends.
//
// Thread: its worker's.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "clients/cli/bench/failure.hpp"
#include "clients/cli/bench/payload.hpp"
#include "clients/cli/bench/sequences.hpp"
#include "clients/cli/bench/stream.hpp"
#include "protocol/websocket/client_handshake.hpp"
#include "protocol/websocket/message_assembler.hpp"

namespace crier::cli::benchmark {

class Publisher;
class Run;
class Worker;

class Connection {
 public:
  // Without a publisher it subscribes to that channel.
  Connection(Run& run, Worker& worker, std::uint32_t number, std::uint32_t channel, Publisher* publisher);

  void open();
  void on_event(std::uint32_t events);
  // Takes what has been read from the socket already, and of which no readiness will tell.
  void read_on() { on_readable(); }
  void give_up(const char* why);
  // With a close frame; what the peer says to that nobody waits for.
  void close();

  [[nodiscard]] bool ready() const { return state_ == State::ready; }
  [[nodiscard]] bool closed() const { return state_ == State::closed; }
  // It came about, and lasted until it was no longer wanted.
  [[nodiscard]] bool stayed() const { return stayed_; }
  [[nodiscard]] bool subscribes() const { return publisher_ == nullptr; }
  [[nodiscard]] std::uint32_t channel() const { return channel_; }
  // Of a subscriber: what it has of each publisher.
  [[nodiscard]] const Sequences& sequences() const { return sequences_; }

  void queue(websocket::Opcode opcode, std::string_view payload);
  [[nodiscard]] std::size_t unsent_bytes() const { return unsent_.size() - sent_; }
  // Sends what the socket takes.
  void flush();

 private:
  enum class State : std::uint8_t {
    unopened,
    connecting,
    securing,
    upgrading,
    greeted_not_yet,
    subscribing,
    ready,
    closed
  };

  void watch(std::uint32_t events);
  void on_connected();
  void secure();
  void ask_for_upgrade();
  void on_upgrade_answer(std::string_view input);
  [[nodiscard]] bool judge(const websocket::ClientHandshakeStep& step);
  void on_readable();
  void consume(std::span<char> input);
  void take_frames(std::span<char> input);
  void on_text(std::string_view text);
  void on_message(std::string_view push);
  void on_arrival(const Marker& marker);
  void on_notice(std::string_view text);
  void on_greeting(std::string_view text);
  void on_end(const char* how);
  void become_ready();
  // Tries once: nobody waits for the peer to hear it.
  void say_goodbye(websocket::CloseCode code);
  void fail(Failure failure);
  void leave();

  Run& run_;
  Worker& worker_;
  Stream stream_;
  websocket::MessageAssembler assembler_;
  std::unique_ptr<websocket::ClientHandshake> handshake_;
  Publisher* const publisher_;
  const std::uint32_t number_;
  const std::uint32_t channel_;
  const std::uint32_t data_offset_;
  const std::size_t message_bytes_max_;
  State state_ = State::unopened;
  bool waits_to_write_ = false;
  bool stayed_ = true;
  Sequences sequences_;
  std::string unsent_;
  std::size_t sent_ = 0;  // of unsent_
};

}  // namespace crier::cli::benchmark
