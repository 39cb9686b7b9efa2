#include "protocol/websocket/utf8.hpp"

#include <array>
#include <cstddef>
#include <cstring>

namespace crier::websocket {

namespace {

// RFC 3629 section 4 as an automaton. A state's value is its place in a row of transitions: a byte's row
// holds the following state for every state, six bits each, so that a step is one load (which does not
// wait for the step before) and one shift, without a branch.
enum State : std::uint8_t {
  whole = 0,  // Utf8Validator::complete() relies on it
  one_more = 6,
  two_more = 12,
  three_more = 18,
  after_e0 = 24,  // A0-BF: shorter forms are overlong
  after_ed = 30,  // 80-9F: the others are surrogates
  after_f0 = 36,  // 90-BF: shorter forms are overlong
  after_f4 = 42,  // 80-8F: the others are above U+10FFFF
  broken = 48,
};
constexpr std::uint64_t state_mask = 63;

constexpr State after_lead(unsigned byte) {
  if (byte < 0x80) return whole;
  if (byte < 0xC2) return broken;  // a continuation, or a lead of overlong forms only
  if (byte < 0xE0) return one_more;
  if (byte == 0xE0) return after_e0;
  if (byte == 0xED) return after_ed;
  if (byte < 0xF0) return two_more;
  if (byte == 0xF0) return after_f0;
  if (byte < 0xF4) return three_more;
  if (byte == 0xF4) return after_f4;
  return broken;
}

constexpr State step(State state, unsigned byte) {
  const auto within = [byte](unsigned first, unsigned last, State next) {
    return byte >= first && byte <= last ? next : broken;
  };
  switch (state) {
    case whole: return after_lead(byte);
    case one_more: return within(0x80, 0xBF, whole);
    case two_more: return within(0x80, 0xBF, one_more);
    case three_more: return within(0x80, 0xBF, two_more);
    case after_e0: return within(0xA0, 0xBF, one_more);
    case after_ed: return within(0x80, 0x9F, one_more);
    case after_f0: return within(0x90, 0xBF, two_more);
    case after_f4: return within(0x80, 0x8F, two_more);
    case broken: return broken;
  }
  return broken;
}

constexpr std::array<std::uint64_t, 256> make_rows() {
  std::array<std::uint64_t, 256> rows{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    for (const State state : {whole, one_more, two_more, three_more, after_e0, after_ed, after_f0, after_f4, broken}) {
      rows[byte] |= std::uint64_t{step(state, byte)} << state;
    }
  }
  return rows;
}
constexpr std::array<std::uint64_t, 256> rows = make_rows();

std::uint64_t walk(std::uint64_t state, const char* at, std::size_t bytes) noexcept {
  for (std::size_t i = 0; i < bytes; ++i) state = rows[static_cast<unsigned char>(at[i])] >> (state & state_mask);
  return state & state_mask;
}

std::uint64_t word_at(const char* at) noexcept {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

template <std::size_t bytes>
bool is_ascii(const char* at) noexcept {
  static_assert(bytes == 8 || bytes == 32);
  std::uint64_t together = word_at(at);
  if constexpr (bytes == 32) together |= word_at(at + 8) | word_at(at + 16) | word_at(at + 24);
  return (together & 0x8080808080808080) == 0;
}

}  // namespace

bool Utf8Validator::feed(std::string_view bytes) noexcept {
  constexpr std::size_t long_step = 32;
  constexpr std::size_t short_step = 8;
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t state = state_;
  for (; left >= long_step; at += long_step, left -= long_step) {
    if (state == whole && is_ascii<long_step>(at)) continue;
    state = walk(state, at, long_step);
    if (state == broken) break;
  }
  for (; left >= short_step && state != broken; at += short_step, left -= short_step) {
    if (state == whole && is_ascii<short_step>(at)) continue;
    state = walk(state, at, short_step);
  }
  if (state != broken) state = walk(state, at, left);
  state_ = static_cast<std::uint8_t>(state);
  return state != broken;
}

bool valid_utf8(std::string_view text) noexcept {
  Utf8Validator validator;
  return validator.feed(text) && validator.complete();
}

}  // namespace crier::websocket
