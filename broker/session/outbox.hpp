// What one connection has still to send: references to chunks, in order, and where the first one stands.
//
// Empty it costs 32 bytes and no heap. Bounded by its owner, who looks at `bytes` after every attempt to
// write. Owner: a connection. Thread: its loop's.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/hub/chunk.hpp"

namespace crier::session {

class Outbox {
 public:
  // A chunk that others hold too, and that may grow until the turn is over.
  void push(const hub::ChunkPtr& chunk);
  // The connection's own chunk at the end of the queue, to append whole frames to.
  [[nodiscard]] std::string& own(hub::ChunkPool& pool);

  [[nodiscard]] bool empty() const noexcept { return !first_; }

  // The next pieces to send, at most as many as fit; returns how many. All chunks are sealed.
  [[nodiscard]] std::size_t gather(std::span<std::string_view> pieces) const;
  // So many bytes were sent.
  void consume(std::size_t sent);
  // After a write that did not take everything: what is left waits, and counts.
  void retain();
  // Bytes that wait, as of the last `retain`, with what their chunks cost beside.
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

  // What is queued so far is no frames: the HTTP answers before an upgrade, which a peer may not have read
  // yet. It is never dropped from the middle, and never taken for frames.
  void end_preamble();

  // Drops everything but the preamble and the rest of the frame that was begun, so that a close frame may
  // follow. All frames here are whole ones of our own making, and no chunk begins inside one.
  // Returns how many messages (publications, not replies) were dropped.
  std::uint64_t drop_all_but_frame_in_hand(hub::ChunkPool& pool);
  void clear();

 private:
  struct More {
    std::vector<hub::ChunkPtr> chunks;
    std::size_t head = 0;
    [[nodiscard]] std::size_t size() const noexcept { return chunks.size() - head; }
  };
  [[nodiscard]] std::size_t size() const noexcept;  // in chunks
  void append(hub::ChunkPtr chunk);
  void pop_first();

  hub::ChunkPtr first_;
  std::unique_ptr<More> more_;  // all after the first
  std::uint32_t sent_ = 0;      // of the first
  std::uint32_t retained_ = 0;  // so many chunks from the front are counted in bytes_
  std::uint32_t bytes_ = 0;
  std::uint32_t preamble_ : 31 = 0;  // so many chunks from the front are no frames
  std::uint32_t own_open_ : 1 = 0;   // the last chunk is our own and may be appended to
};

}  // namespace crier::session
