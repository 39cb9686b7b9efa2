// A publication on its way: one block of memory that holds the message's frame, written once.
//
// The publisher's shard copies the data into a MessageDraft, the home shard gives it its position and
// seals it, and from then on it is immutable and shared by every shard and outbox that needs it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "protocol/command/command.hpp"

namespace crier::hub {

// One session on one shard, named so that a reused slot is never mistaken for the session before it.
struct SessionRef {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  friend bool operator==(const SessionRef&, const SessionRef&) = default;
};

// A session's 128 random bits, never reused: what clients know it by.
struct SessionId {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  [[nodiscard]] std::string text() const;  // 32 hexadecimal digits
  // False when `text` is no session id; then it names nobody.
  [[nodiscard]] static bool parse(std::string_view text, SessionId& id);
  friend bool operator==(const SessionId&, const SessionId&) = default;
};

// Channels of our own begin with what no client can name (channel names hold no space). They are
// delivered like any other and counted as nothing.
inline constexpr std::string_view internal_channel_prefix = " probe ";

// Where a channel lives and how it is found. Seeded, so that nobody can choose names that collide.
[[nodiscard]] std::size_t hash_of(std::string_view channel) noexcept;
// Once, before any shard exists.
void seed_channel_hash(std::uint64_t seed) noexcept;

class Message {
 public:
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  [[nodiscard]] std::string_view channel() const noexcept { return {text() + channel_at_, channel_bytes_}; }
  [[nodiscard]] std::size_t channel_hash() const noexcept { return channel_hash_; }
  [[nodiscard]] std::string_view data_json() const noexcept { return {text() + data_at_, data_bytes_}; }
  [[nodiscard]] command::Encoding encoding() const noexcept { return encoding_; }
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
  // Dense within its channel and this life of its record at home: a jump says how many are missing.
  [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
  // "epoch:offset" as the push has it; "" when the channel keeps no history.
  [[nodiscard]] std::string_view position() const noexcept { return {text() + position_at_, position_bytes_}; }
  // Now::wall_ms when it was accepted; and from which on the history forgets it, 0: by the history's own age alone.
  [[nodiscard]] std::int64_t time_ms() const noexcept { return time_ms_; }
  [[nodiscard]] std::int64_t expires_ms() const noexcept { return expires_ms_; }
  // When it was accepted by the wall clock, as it was set then.
  [[nodiscard]] std::int64_t shown_ms() const noexcept { return shown_ms_; }
  [[nodiscard]] std::int64_t received_ns() const noexcept { return received_ns_; }
  // Newer messages of the same channel and key may stand in for this one; "" is a key like any other.
  [[nodiscard]] std::string_view conflate_key() const noexcept { return {text() + conflate_at_, conflate_bytes_}; }
  // The whole unmasked WebSocket frame with the JSON push, and the push alone.
  [[nodiscard]] std::string_view frame() const noexcept { return {text() + frame_at_, json_end_ - frame_at_}; }
  [[nodiscard]] std::string_view json() const noexcept { return {text() + json_at, json_end_ - json_at}; }
  // What the block costs: the unit of every credit and limit.
  [[nodiscard]] std::size_t bytes() const noexcept { return sizeof(Message) + capacity_; }
  // May be compressed, by the settings of its namespace.
  [[nodiscard]] bool compressible() const noexcept { return compressible_; }
  // Our own self-probe: delivered like any other, counted as nothing.
  [[nodiscard]] bool probe() const noexcept { return probe_; }
  [[nodiscard]] bool excludes_anyone() const noexcept { return excludes_; }
  [[nodiscard]] bool excludes(const SessionId& session) const noexcept {
    return excludes_ && (session == excluded_[0] || session == excluded_[1]);
  }

 private:
  friend class MessageDraft;
  friend class MessagePtr;
  friend struct MessageDelete;
  static constexpr std::uint32_t json_at = 10;  // room for the longest head of an unmasked frame
  Message() = default;
  ~Message() = default;
  [[nodiscard]] const char* text() const noexcept { return reinterpret_cast<const char*>(this + 1); }
  [[nodiscard]] char* text() noexcept { return reinterpret_cast<char*>(this + 1); }

  std::atomic<std::uint32_t> references_{1};
  std::uint32_t capacity_ = 0;
  std::size_t channel_hash_ = 0;
  std::uint64_t offset_ = 0;
  std::uint64_t number_ = 0;
  std::int64_t time_ms_ = 0;
  std::int64_t shown_ms_ = 0;
  std::int64_t expires_ms_ = 0;  // until it is sealed: its time to live
  std::int64_t received_ns_ = 0;
  SessionId excluded_[2];
  std::uint32_t frame_at_ = json_at;
  std::uint32_t json_end_ = json_at;
  std::uint32_t channel_at_ = 0;
  std::uint32_t data_at_ = 0;
  std::uint32_t data_bytes_ = 0;
  std::uint32_t position_at_ = 0;
  std::uint32_t conflate_at_ = 0;
  std::uint8_t position_bytes_ = 0;
  std::uint8_t conflate_bytes_ = 0;
  std::uint8_t channel_bytes_ = 0;
  command::Encoding encoding_ = command::Encoding::json;
  bool excludes_ = false;
  bool compressible_ = true;
  bool probe_ = false;
};

struct MessageDelete {
  void operator()(Message* message) const noexcept;
};

// A reference that any thread may hold.
class MessagePtr {
 public:
  MessagePtr() noexcept = default;
  MessagePtr(const MessagePtr& other) noexcept : message_(other.message_) {
    if (message_ != nullptr) message_->references_.fetch_add(1, std::memory_order_relaxed);
  }
  MessagePtr(MessagePtr&& other) noexcept : message_(std::exchange(other.message_, nullptr)) {}
  MessagePtr& operator=(MessagePtr other) noexcept {
    std::swap(message_, other.message_);
    return *this;
  }
  ~MessagePtr() {
    if (message_ != nullptr && message_->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      MessageDelete{}(message_);
    }
  }
  [[nodiscard]] explicit operator bool() const noexcept { return message_ != nullptr; }
  [[nodiscard]] const Message& operator*() const noexcept { return *message_; }
  [[nodiscard]] const Message* operator->() const noexcept { return message_; }

 private:
  friend class MessageDraft;
  explicit MessagePtr(Message* message) noexcept : message_(message) {}
  Message* message_ = nullptr;
};

// What the publisher's shard says of a message, beside its channel and data.
struct MessageOptions {
  command::Encoding encoding = command::Encoding::json;
  const SessionId* echo_off = nullptr;  // the publisher itself, which asked for no echo
  const SessionId* exclude = nullptr;
  bool compressible = true;
  bool probe = false;
  std::int64_t received_ns = 0;        // steady clock, for the latency histogram
  std::string_view conflate_key = {};  // at most 255 bytes
  std::uint64_t ttl_s = 0;             // 0: none
};

// What only the home knows of a message.
struct Seal {
  std::string_view epoch;  // "" when the channel keeps no history: the message shows no position
  std::uint64_t offset = 0;
  std::uint64_t number = 0;
  std::int64_t time_ms = 0;
  std::int64_t stepped_ms = 0;  // what the time that people see lies beyond it
};

// A message with one owner and no position yet.
class MessageDraft {
 public:
  MessageDraft(std::string_view channel, std::size_t channel_hash, std::string_view data_json,
               const MessageOptions& options);
  [[nodiscard]] const Message& operator*() const noexcept { return *message_; }
  [[nodiscard]] const Message* operator->() const noexcept { return message_.get(); }
  // Home only: writes position, time and the frame's head; the message is immutable afterwards.
  [[nodiscard]] MessagePtr seal(const Seal& seal) &&;

 private:
  std::unique_ptr<Message, MessageDelete> message_;
};

}  // namespace crier::hub
