// What the hub knows of a session: it takes chunks and answers. Lives on one shard's thread.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "broker/hub/chunk.hpp"
#include "broker/hub/mail.hpp"

namespace crier::hub {

// The forms in which a message goes over the wire; each is encoded once a shard.
enum class WireForm : std::uint8_t { json, json_deflate_full, json_deflate_small };
inline constexpr std::size_t wire_form_count = 3;

struct LocalChannel;

// One session's interest in one channel. Owned by the subscriber table.
class Subscriber;
struct Subscription {
  Subscriber* subscriber = nullptr;
  LocalChannel* channel = nullptr;
  std::uint32_t serial = 0;      // of this shard, never reused within its wrap
  std::uint32_t place : 31 = 0;  // in the channel's list
  std::uint32_t live : 1 = 0;    // the home has answered: messages from now on are its own

  [[nodiscard]] std::string_view channel_name() const noexcept;
};

class Subscriber {
 public:
  Subscriber() = default;
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  [[nodiscard]] const SessionId& id() const noexcept { return id_; }
  [[nodiscard]] WireForm form() const noexcept { return form_; }
  // Takes a chunk that may still grow until the turn is over. Must not call back into the hub.
  virtual void deliver(const ChunkPtr& chunk) = 0;
  // Answers to what the session asked of the shard. These may call back into the shard.
  // False when no subscription of that serial is waiting any more.
  // The request's bytes (subscribe_request_bytes) come back as credit in any case.
  [[nodiscard]] virtual bool on_subscribed(std::uint32_t serial, const Result<command::Position>& start) = 0;
  virtual void on_published(ReplyTag& tag, const Message& message) = 0;
  virtual void on_credit(std::size_t bytes) = 0;

 protected:
  ~Subscriber() = default;
  SessionId id_;
  WireForm form_ = WireForm::json;
};

}  // namespace crier::hub
