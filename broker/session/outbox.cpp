#include "broker/session/outbox.hpp"

#include <utility>

namespace crier::session {

namespace {

// An unmasked frame of our own making, at the front of `bytes`: its whole size, and whether it holds a
// publication. Our frames start with FIN and an opcode, and pushes start with their op.
struct OwnFrame {
  std::size_t bytes = 0;
  bool message = false;
};

OwnFrame own_frame(std::string_view bytes) {
  const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(bytes[at]); };
  std::size_t head = 2;
  std::size_t length = byte(1) & 0x7F;
  const std::size_t extra = length == 126 ? 2 : length == 127 ? 8 : 0;
  if (extra > 0) {
    length = 0;
    for (std::size_t i = 0; i < extra; ++i) length = length << 8 | byte(head + i);
    head += extra;
  }
  constexpr std::uint8_t compressed_bit = 0x40;  // only publications are ever compressed
  const std::string_view payload = bytes.substr(head, length);
  const bool message = (byte(0) & compressed_bit) != 0 || payload.starts_with(R"({"op":"message")") ||
                       payload.substr(0, 12).ends_with("\x62op\x67message");  // CBOR, behind the head of its map
  return {head + length, message};
}

std::uint64_t count_messages(std::string_view frames) {
  std::uint64_t messages = 0;
  while (!frames.empty()) {
    const OwnFrame frame = own_frame(frames);
    messages += frame.message ? 1 : 0;
    frames.remove_prefix(frame.bytes);
  }
  return messages;
}

}  // namespace

void Outbox::push(const hub::ChunkPtr& chunk) {
  own_open_ = 0;
  append(chunk);
}

std::string& Outbox::own(hub::ChunkPool& pool) {
  if (!own_open_) {
    append(pool.take());
    own_open_ = 1;
  }
  return more_ && more_->size() > 0 ? more_->chunks.back()->bytes : first_->bytes;
}

void Outbox::append(hub::ChunkPtr chunk) {
  if (!first_) {
    first_ = std::move(chunk);
    return;
  }
  if (!more_) more_ = std::make_unique<More>();
  more_->chunks.push_back(std::move(chunk));
}

std::size_t Outbox::gather(std::span<std::string_view> pieces) const {
  if (!first_ || pieces.empty()) return 0;
  std::size_t count = 0;
  pieces[count++] = std::string_view(first_->bytes).substr(sent_);
  if (!more_) return count;
  for (std::size_t at = more_->head; at < more_->chunks.size() && count < pieces.size(); ++at) {
    pieces[count++] = more_->chunks[at]->bytes;
  }
  return count;
}

void Outbox::consume(std::size_t sent) {
  own_open_ = 0;
  while (first_) {
    const std::size_t left = first_->bytes.size() - sent_;
    if (sent < left) {
      sent_ += static_cast<std::uint32_t>(sent);
      if (retained_ > 0) bytes_ -= static_cast<std::uint32_t>(sent);
      return;
    }
    sent -= left;
    if (retained_ > 0) {
      --retained_;
      bytes_ -= static_cast<std::uint32_t>(left + hub::chunk_overhead);
    }
    pop_first();
  }
  CRIER_ASSERT(sent == 0);
}

void Outbox::pop_first() {
  sent_ = 0;
  if (preamble_ > 0) --preamble_;
  first_ = hub::ChunkPtr{};
  if (!more_) return;
  first_ = std::move(more_->chunks[more_->head++]);
  if (more_->size() == 0) {
    more_.reset();
  } else if (more_->head >= 64 && more_->head * 2 >= more_->chunks.size()) {
    more_->chunks.erase(more_->chunks.begin(), more_->chunks.begin() + static_cast<std::ptrdiff_t>(more_->head));
    more_->head = 0;
  }
}

void Outbox::retain() {
  own_open_ = 0;
  if (!first_) return;
  const std::size_t count = size();
  for (std::size_t at = retained_; at < count; ++at) {
    hub::ChunkPtr& chunk = at == 0 ? first_ : more_->chunks[more_->head + at - 1];
    chunk.retain();
    bytes_ += static_cast<std::uint32_t>(chunk->bytes.size() - (at == 0 ? sent_ : 0) + hub::chunk_overhead);
  }
  retained_ = static_cast<std::uint32_t>(count);
}

void Outbox::end_preamble() {
  own_open_ = 0;  // frames begin in a chunk of their own
  preamble_ = static_cast<std::uint32_t>(size()) & 0x7FFFFFFF;
}

std::size_t Outbox::size() const noexcept {
  return !first_ ? 0 : 1 + (more_ ? more_->size() : 0);
}

std::uint64_t Outbox::drop_all_but_frame_in_hand(hub::ChunkPool& pool) {
  if (!first_) return 0;
  std::string kept;
  std::uint64_t dropped = 0;
  const std::size_t count = size();
  for (std::size_t i = 0; i < count; ++i) {
    const std::string_view bytes = i == 0 ? first_->bytes : more_->chunks[more_->head + i - 1]->bytes;
    const std::size_t sent = i == 0 ? sent_ : 0;
    std::size_t end = i < preamble_ ? bytes.size() : 0;
    while (end < sent) end += own_frame(bytes.substr(end)).bytes;
    kept += bytes.substr(sent, end - sent);
    dropped += count_messages(bytes.substr(end));
  }
  clear();
  if (!kept.empty()) {
    own(pool) = kept;
    end_preamble();  // it begins in the middle of a frame
  }
  return dropped;
}

void Outbox::clear() {
  first_ = hub::ChunkPtr{};
  more_.reset();
  sent_ = retained_ = bytes_ = 0;
  preamble_ = 0;
  own_open_ = 0;
}

}  // namespace crier::session
