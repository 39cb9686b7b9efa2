// Bytes on their way to sockets: what one channel had to say in one turn, in one wire form, shared by
// every outbox that waits to send it. One thread only, so references are counted without atomics.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/base/check.hpp"

namespace crier::hub {

class ChunkPool;

// What a chunk costs beside its bytes: itself, the allocator's share, the reference in an outbox.
inline constexpr std::size_t chunk_overhead = 128;

// Whole frames, one after another. Grows until it is sealed; whoever sends it has sealed it.
class Chunk {
 public:
  std::string bytes;

 private:
  friend class ChunkPtr;
  friend class ChunkPool;
  explicit Chunk(ChunkPool& pool) : pool_(&pool) {}
  ChunkPool* pool_;
  std::uint32_t references_ = 0;
  bool retained_ = false;  // counted by the pool as waiting for sockets
};

class ChunkPtr {
 public:
  ChunkPtr() noexcept = default;
  ChunkPtr(const ChunkPtr& other) noexcept : chunk_(other.chunk_) {
    if (chunk_ != nullptr) ++chunk_->references_;
  }
  ChunkPtr(ChunkPtr&& other) noexcept : chunk_(std::exchange(other.chunk_, nullptr)) {}
  ChunkPtr& operator=(ChunkPtr other) noexcept {
    std::swap(chunk_, other.chunk_);
    return *this;
  }
  inline ~ChunkPtr();
  [[nodiscard]] explicit operator bool() const noexcept { return chunk_ != nullptr; }
  [[nodiscard]] Chunk& operator*() const noexcept { return *chunk_; }
  [[nodiscard]] Chunk* operator->() const noexcept { return chunk_; }
  // To be called once the turn is over and a socket did not take everything: the chunk counts from now
  // on as waiting, once however many outboxes hold it.
  inline void retain();

 private:
  friend class ChunkPool;
  explicit ChunkPtr(Chunk* chunk) noexcept : chunk_(chunk) { ++chunk_->references_; }
  Chunk* chunk_ = nullptr;
};

// Hands out empty chunks and takes their memory back for the next turn. One a shard; outlives its chunks.
class ChunkPool {
 public:
  ChunkPool() = default;
  ChunkPool(const ChunkPool&) = delete;
  ChunkPool& operator=(const ChunkPool&) = delete;
  ~ChunkPool() {
    CRIER_ASSERT(alive_ == 0);
    for (Chunk* chunk : free_) delete chunk;
  }
  [[nodiscard]] ChunkPtr take() {
    ++alive_;
    if (free_.empty()) return ChunkPtr(new Chunk(*this));
    Chunk* const chunk = free_.back();
    free_.pop_back();
    free_bytes_ -= chunk->bytes.capacity();
    return ChunkPtr(chunk);
  }
  // Bytes of all chunks that wait for a socket, each counted once.
  [[nodiscard]] std::size_t retained_bytes() const noexcept { return retained_bytes_; }

 private:
  friend class ChunkPtr;
  // Enough to run busy turns without the allocator, little enough not to be noticed when idle.
  static constexpr std::size_t free_bytes_max = 2 * 1024 * 1024;
  static constexpr std::size_t free_chunks_max = 1024;

  void give_back(Chunk* chunk) {
    --alive_;
    if (chunk->retained_) retained_bytes_ -= chunk->bytes.capacity() + chunk_overhead;
    const std::size_t capacity = chunk->bytes.capacity();
    if (free_.size() >= free_chunks_max || free_bytes_ + capacity > free_bytes_max) {
      delete chunk;
      return;
    }
    chunk->bytes.clear();
    chunk->retained_ = false;
    free_bytes_ += capacity;
    free_.push_back(chunk);
  }

  std::vector<Chunk*> free_;
  std::size_t free_bytes_ = 0;
  std::size_t retained_bytes_ = 0;
  std::size_t alive_ = 0;
};

inline ChunkPtr::~ChunkPtr() {
  if (chunk_ != nullptr && --chunk_->references_ == 0) chunk_->pool_->give_back(chunk_);
}

inline void ChunkPtr::retain() {
  if (chunk_->retained_) return;
  // A recycled chunk may have room for far more than it holds: a reader that waits for little must not
  // keep much.
  if (chunk_->bytes.capacity() > 2 * chunk_->bytes.size() + chunk_overhead) chunk_->bytes.shrink_to_fit();
  chunk_->retained_ = true;
  chunk_->pool_->retained_bytes_ += chunk_->bytes.capacity() + chunk_overhead;
}

}  // namespace crier::hub
