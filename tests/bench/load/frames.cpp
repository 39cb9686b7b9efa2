#include "tests/bench/load/frames.hpp"

#include <algorithm>
#include <cstring>

#include "tests/bench/load/text.hpp"

namespace crier::bench {

namespace {

constexpr std::uint8_t final_bit = 0x80;
constexpr std::uint8_t compressed_bit = 0x40;
constexpr std::uint8_t mask_bit = 0x80;
constexpr int no_status_received = 1005;

// Masks in place, eight bytes at a time.
void apply_mask(char* p, std::size_t n, std::uint32_t mask) {
  const std::uint64_t mask8 = std::uint64_t{mask} << 32 | mask;
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, p + i, 8);
    word ^= mask8;
    std::memcpy(p + i, &word, 8);
  }
  std::array<char, 4> bytes{};
  std::memcpy(bytes.data(), &mask, 4);
  for (; i < n; ++i) p[i] = static_cast<char>(p[i] ^ bytes[i & 3]);
}

}  // namespace

void append_frame(std::string& out, std::uint8_t opcode, std::string_view payload, std::uint32_t mask) {
  const std::size_t n = payload.size();
  std::array<char, 14> head{};
  std::size_t size = 2;
  head[0] = static_cast<char>(final_bit | opcode);
  if (n < 126) {
    head[1] = static_cast<char>(mask_bit | n);
  } else if (n < 65536) {
    head[1] = static_cast<char>(mask_bit | 126);
    head[2] = static_cast<char>(n >> 8);
    head[3] = static_cast<char>(n);
    size = 4;
  } else {
    head[1] = static_cast<char>(mask_bit | 127);
    for (unsigned i = 0; i < 8; ++i) head[2 + i] = static_cast<char>(n >> (56 - 8 * i));
    size = 10;
  }
  std::memcpy(head.data() + size, &mask, 4);
  out.append(head.data(), size + 4);
  const std::size_t at = out.size();
  out.append(payload);
  apply_mask(out.data() + at, n, mask);
}

FrameReader::FrameReader(FrameSink& sink, std::vector<char>& scratch) : sink_(sink), scratch_(scratch) {}

FrameReader::~FrameReader() = default;

void FrameReader::InflateEnd::operator()(z_stream* stream) const {
  ::inflateEnd(stream);
  delete stream;
}

void FrameReader::allow_compression(bool no_context_takeover, int window_bits) {
  compression_allowed_ = true;
  no_context_takeover_ = no_context_takeover;
  window_bits_ = window_bits;
}

bool FrameReader::violation(const char* what) {
  sink_.on_violation(what);
  return false;
}

bool FrameReader::read(const char* p, std::size_t n) {
  while (n > 0) {
    if (!in_payload_) {
      if (!take_header(p, n)) return true;
      if (!begin_frame()) return false;
      if (left_ == 0) {
        if (!end_frame()) return false;
        continue;
      }
      if (n == 0) return true;
    }
    const std::size_t taken = std::min<std::uint64_t>(left_, n);
    left_ -= taken;
    if (opcode_ >= opcode::close) {
      control_.append(p, taken);
    } else if (message_compressed_) {
      if (!inflate(p, taken)) return false;
    } else if (!sink_.on_data(p, taken, at_payload_start_ && left_ == 0)) {
      return false;
    }
    at_payload_start_ = false;
    p += taken;
    n -= taken;
    if (left_ == 0 && !end_frame()) return false;
  }
  return true;
}

std::size_t FrameReader::header_bytes_needed() const {
  if (header_size_ < 2) return 2;
  const int length = header_[1] & 127;
  const std::size_t length_bytes = length == 126 ? 2 : length == 127 ? 8 : 0;
  return 2 + length_bytes + ((header_[1] & mask_bit) != 0 ? 4 : 0);
}

// True when the header is complete.
bool FrameReader::take_header(const char*& p, std::size_t& n) {
  while (n > 0 && header_size_ < header_bytes_needed()) {
    header_[header_size_++] = static_cast<std::uint8_t>(*p++);
    --n;
  }
  return header_size_ >= 2 && header_size_ >= header_bytes_needed();
}

bool FrameReader::begin_frame() {
  if ((header_[1] & mask_bit) != 0) return violation("masked frame from the server");
  final_ = (header_[0] & final_bit) != 0;
  opcode_ = header_[0] & 15;
  left_ = header_[1] & 127;
  if (left_ >= 126) {
    left_ = 0;
    for (std::size_t i = 2; i < header_size_; ++i) left_ = left_ << 8 | header_[i];
  }
  header_size_ = 0;
  in_payload_ = true;
  at_payload_start_ = true;
  if (opcode_ == opcode::text || opcode_ == opcode::binary) {
    message_compressed_ = (header_[0] & compressed_bit) != 0;
    if (message_compressed_ && !compression_allowed_) return violation("compressed frame, not negotiated");
  } else if (opcode_ >= opcode::close) {
    control_.clear();
    if (left_ > 125) return violation("oversized control frame");
  } else if (opcode_ != opcode::continuation) {
    return violation("unknown opcode");
  }
  return true;
}

bool FrameReader::end_frame() {
  in_payload_ = false;
  if (opcode_ == opcode::ping) return sink_.on_ping(control_);
  if (opcode_ == opcode::close) {
    const bool has_code = control_.size() >= 2;
    const int code = has_code ? static_cast<std::uint8_t>(control_[0]) << 8 | static_cast<std::uint8_t>(control_[1])
                              : no_status_received;
    return sink_.on_close(code, std::string_view(control_).substr(0, 2));
  }
  if (opcode_ >= opcode::close || !final_) return true;
  if (message_compressed_) {
    // RFC 7692 7.2.2: the sender cut these four bytes off.
    if (!inflate("\0\0\xff\xff", 4)) return false;
    if (no_context_takeover_) ::inflateReset(inflate_.get());
  }
  return sink_.on_message_end();
}

bool FrameReader::inflate(const char* p, std::size_t n) {
  if (!inflate_) {
    auto stream = std::make_unique<z_stream>();
    if (::inflateInit2(stream.get(), -window_bits_) != Z_OK) die("out of memory for zlib");
    inflate_.reset(stream.release());
  }
  z_stream& z = *inflate_;
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(p));
  z.avail_in = static_cast<uInt>(n);
  do {
    z.next_out = reinterpret_cast<Bytef*>(scratch_.data());
    z.avail_out = static_cast<uInt>(scratch_.size());
    const int result = ::inflate(&z, Z_SYNC_FLUSH);
    if (result == Z_STREAM_END) {
      ::inflateReset(&z);
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      return violation("bad deflate data");
    }
    if (!sink_.on_data(scratch_.data(), scratch_.size() - z.avail_out, false)) return false;
  } while (z.avail_out == 0 || z.avail_in > 0);
  return true;
}

}  // namespace crier::bench
