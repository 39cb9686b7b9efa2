// A publisher: sends what is due on time, has everything acknowledged, and repeats what was not.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/storm/connection.hpp"

namespace crier::storm {

struct Run;

class Publisher final : private Connection::Owner {
 public:
  // It owns every channel whose number is `number` modulo the publishers.
  Publisher(Run& run, std::uint32_t number);

  void connect();
  // From then on a message is due every `interval_ns`, on its channels in turn.
  void start(std::int64_t first_due, std::int64_t interval_ns);
  void stop() { interval_ns_ = 0; }

 private:
  struct Message {
    std::uint32_t sequence;
    std::int64_t due;
    bool sent;  // once at least
  };
  // A channel's messages keep their order, so the next one goes out when the one before it is acknowledged.
  struct Queue {
    std::uint32_t channel;
    std::deque<Message> waiting;
  };

  void on_open() override;
  void on_text(std::string_view text) override;
  void on_end(const End& end) override;

  void tick();
  void send_first(Queue& queue);
  void on_published(std::string_view text);
  void on_error(std::string_view text);
  // The queue of a reply, if it is about the queue's first message; null when that was acknowledged already.
  [[nodiscard]] Queue* queue_of(std::string_view reply);

  Run& run_;
  const std::uint32_t number_;
  std::vector<Queue> queues_;
  std::size_t next_queue_ = 0;
  std::int64_t next_due_ = 0;
  std::int64_t interval_ns_ = 0;
  unsigned failures_ = 0;
  bool open_ = false;
  std::unique_ptr<Connection> connection_;
};

}  // namespace crier::storm
