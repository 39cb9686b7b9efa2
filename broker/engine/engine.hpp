// Where a message gets its position and its durability. Every home shard has an engine of its own, on its
// own thread.
//
// An engine may answer later: the home then keeps the message, and hands it to nobody before the engine has
// accepted it. Deterministic under its inputs, as everything below a session is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/result.hpp"
#include "protocol/command/command.hpp"

namespace crier::engine {

// The home's own name for what it asked; never reused.
using Ticket = std::uint64_t;

// A message to store. The views live as long as the call.
struct Publication {
  std::string_view channel;
  std::string_view data_json;
  command::Encoding encoding = command::Encoding::json;
  std::string_view conflate_key;
  std::int64_t time_ms = 0;
  std::int64_t expires_ms = 0;  // 0: by the history's own age alone
};

// A message as an engine gives it back.
struct StoredMessage {
  std::uint64_t offset = 0;
  std::string data_json;
  command::Encoding encoding = command::Encoding::json;
  std::string conflate_key;
  std::int64_t time_ms = 0;
  std::int64_t expires_ms = 0;
};

// What an engine still has of a channel behind a position.
struct Recovered {
  std::uint64_t floor = 0;              // positions below it cannot be continued from without a hole
  std::vector<StoredMessage> messages;  // oldest first, without holes above max(floor, the position asked for)
  bool complete = false;                // the engine has nothing newer, at the time of the answer
};

// Who hears the answers: the home.
class Answers {
 public:
  // The offset, above every one before of that channel; or why the message is surely not stored
  // (`unavailable`), or may be (`timeout`).
  virtual void on_stored(Ticket ticket, Result<std::uint64_t> offset) = 0;
  virtual void on_recovered(Ticket ticket, Result<Recovered> recovered) = 0;
  // What was stored before is lost; offsets go on growing, and positions of other epochs mean nothing now.
  virtual void on_new_epoch(std::string epoch) = 0;

 protected:
  ~Answers() = default;
};

class Engine {
 public:
  Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  virtual ~Engine() = default;

  // Names the life of the offsets: `[0-9A-Za-z]{1,16}`.
  [[nodiscard]] virtual std::string_view epoch() const = 0;
  // Positions of channels that the home knows nothing of: nothing was stored in them above this offset when
  // the home started. Offsets given from now on are higher.
  [[nodiscard]] virtual std::uint64_t start() const = 0;

  // Answers now, or else once by Answers::on_stored. Publishes of one channel are stored and answered in
  // their order, whatever happens to other channels.
  [[nodiscard]] virtual std::optional<Result<std::uint64_t>> publish(Ticket ticket, const Publication& publication) = 0;

  // Does it keep more than the home's own history? If not, `recover` is never asked for.
  [[nodiscard]] virtual bool recovers() const { return false; }
  // Messages behind `after`, at most about `bytes_max` bytes of data, at least one if there is any.
  virtual void recover(Ticket ticket, std::string_view channel, std::uint64_t after, std::size_t bytes_max);

  // False while it takes nothing: the broker is then not ready.
  [[nodiscard]] virtual bool ready() const { return true; }
};

}  // namespace crier::engine
