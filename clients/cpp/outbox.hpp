// What waits to be sent, and what was sent and has no answer yet: bounded, in the order of the calls.
#pragma once

#include <chrono>
#include <crier/result.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "protocol/command/reply.hpp"

namespace crier::client {

using TimePoint = std::chrono::steady_clock::time_point;

// The end of a command: exactly one of the two is there.
using Done = std::function<void(command::Reply* reply, const Error* error)>;

struct Outbound {
  std::string text;     // the command's JSON; its id is the one that the outbox has told
  Done done;            // empty: nobody asked for an acknowledgement, and the command has no id
  TimePoint deadline;   // never before that of the command before it
  bool resend = false;  // may be sent again after a cut: it has a key
};

// An end that is due: called by the caller, when the outbox is in order again.
struct Ended {
  Done done;
  Error error;
};

class Outbox {
 public:
  explicit Outbox(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // The id of the next command that is pushed.
  [[nodiscard]] std::int64_t next_id() const { return front_id_ + static_cast<std::int64_t>(entries_.size()); }
  [[nodiscard]] bool has_room(std::size_t text_bytes, std::size_t commands = 1) const;
  // There is room.
  void push(Outbound command);

  // The next command to be sent, or nullptr. It stays where it is until sent().
  [[nodiscard]] const Outbound* next();
  void sent();
  // The next command, instead of sending it.
  [[nodiscard]] Ended refuse_next(Error error);
  // The end of command `id`, or nothing where nobody waits for it (any more).
  [[nodiscard]] Done answered(std::int64_t id);
  // The broker has surely not carried out command `id`: it waits for release() or cut(), and is sent again then, if it
  // may be. False: it may not, or nobody waits for it.
  [[nodiscard]] bool put_back(std::int64_t id);
  void release();

  // The connection is gone. What was in flight ends with `error`, but for what may be sent again.
  [[nodiscard]] std::vector<Ended> cut(const Error& error);
  // Everything ends.
  [[nodiscard]] std::vector<Ended> clear(const Error& sent, const Error& unsent);
  // What is past its deadline ends.
  [[nodiscard]] std::vector<Ended> expire(TimePoint now, const Error& sent, const Error& unsent);
  [[nodiscard]] std::optional<TimePoint> deadline() const;

  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] std::size_t bytes_max() const { return bytes_max_; }

 private:
  struct Entry {
    Outbound command;
    std::size_t bytes = 0;
    bool was_sent = false;   // once at least, and may have been carried out
    bool in_flight = false;  // on this connection
    bool put_back = false;   // in flight, but for release()
    bool ended = false;
  };

  [[nodiscard]] Entry* find(std::int64_t id);
  void end(Entry& entry);
  void drop_ended();

  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  std::int64_t front_id_ = 1;  // of entries_.front(), or of the next one
  std::deque<Entry> entries_;  // their ids are consecutive
  std::vector<std::int64_t> put_back_;
  std::size_t unsent_ = 0;  // those before it are in flight, or have ended
};

}  // namespace crier::client
