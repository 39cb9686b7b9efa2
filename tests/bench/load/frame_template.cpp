#include "tests/bench/load/frame_template.hpp"

#include <algorithm>
#include <array>

#include "tests/bench/load/text.hpp"

namespace crier::bench {

namespace {

void append_u16(std::string& out, std::size_t n) {
  out += static_cast<char>(n >> 8);
  out += static_cast<char>(n);
}

// Least significant seven bits first, the high bit on all but the last byte.
void append_mqtt_length(std::string& out, std::size_t n) {
  do {
    out += static_cast<char>((n & 127) | (n > 127 ? 128U : 0U));
    n >>= 7;
  } while (n != 0);
}

char hex_pair(std::string_view text, std::size_t at) {
  const int high = at + 1 < text.size() ? hex_value(text[at]) : -1;
  const int low = high >= 0 ? hex_value(text[at + 1]) : -1;
  if (low < 0) {
    const std::string_view rest = text.substr(std::min(at, text.size()));
    die("bad hex at '%.*s'", static_cast<int>(rest.size()), rest.data());
  }
  return static_cast<char>(high * 16 + low);
}

char escaped(char c) {
  if (c == 'r') return '\r';
  if (c == 'n') return '\n';
  if (c == 't') return '\t';
  return c;
}

}  // namespace

FrameTemplate FrameTemplate::frame(std::string_view spec) {
  if (spec.starts_with("text:")) return parse(spec.substr(5), false, false);
  if (spec.starts_with("bin:")) return parse(spec.substr(4), false, true);
  if (spec.starts_with("hex:")) return parse(spec.substr(4), true, true);
  die("a frame must start with text:, bin: or hex: (%.*s)", static_cast<int>(spec.size()), spec.data());
}

bool FrameTemplate::uses_channel() const {
  return std::any_of(pieces_.begin(), pieces_.end(), [](const Piece& piece) { return piece.kind == Kind::channel; });
}

std::string FrameTemplate::render(const Variables& values) const {
  std::string out;
  render_to(out, values);
  return out;
}

void FrameTemplate::render_to(std::string& out, const Variables& values) const {
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    const Piece& piece = pieces_[i];
    switch (piece.kind) {
      case Kind::literal: out += piece.literal; break;
      case Kind::channel: out += values.channel; break;
      case Kind::id: out += values.id; break;
      case Kind::payload: out += values.payload; break;
      case Kind::len: out += std::to_string(values.payload.size()); break;
      case Kind::u16_channel: append_u16(out, values.channel.size()); break;
      case Kind::u16_id: append_u16(out, values.id.size()); break;
      case Kind::vrest: {
        std::size_t rest = 0;
        for (std::size_t k = i + 1; k < pieces_.size(); ++k) rest += size_of(pieces_[k], values);
        append_mqtt_length(out, rest);
        break;
      }
    }
  }
}

std::size_t FrameTemplate::size_of(const Piece& piece, const Variables& values) {
  switch (piece.kind) {
    case Kind::literal: return piece.literal.size();
    case Kind::channel: return values.channel.size();
    case Kind::id: return values.id.size();
    case Kind::payload: return values.payload.size();
    case Kind::len: return std::to_string(values.payload.size()).size();
    case Kind::u16_channel:
    case Kind::u16_id: return 2;
    case Kind::vrest: break;
  }
  die("only one {vrest} is allowed in a frame");
}

const FrameTemplate::Placeholder* FrameTemplate::placeholder_at(std::string_view rest) {
  static constexpr std::array<Placeholder, 7> placeholders{{
      {"{channel}", Kind::channel},
      {"{id}", Kind::id},
      {"{payload}", Kind::payload},
      {"{len}", Kind::len},
      {"{u16:channel}", Kind::u16_channel},
      {"{u16:id}", Kind::u16_id},
      {"{vrest}", Kind::vrest},
  }};
  for (const Placeholder& placeholder : placeholders) {
    if (rest.starts_with(placeholder.name)) return &placeholder;
  }
  return nullptr;
}

void FrameTemplate::add_literal(char c) {
  if (pieces_.empty() || pieces_.back().kind != Kind::literal) pieces_.push_back({Kind::literal, ""});
  pieces_.back().literal += c;
}

FrameTemplate FrameTemplate::parse(std::string_view spec, bool hex, bool binary) {
  FrameTemplate result;
  result.binary_ = binary;
  for (std::size_t i = 0; i < spec.size();) {
    const Placeholder* placeholder = placeholder_at(spec.substr(i));
    if (placeholder != nullptr) {
      result.pieces_.push_back({placeholder->kind, ""});
      i += placeholder->name.size();
    } else if (hex && spec[i] == ' ') {
      ++i;
    } else if (hex) {
      result.add_literal(hex_pair(spec, i));
      i += 2;
    } else if (spec[i] == '\\' && i + 1 < spec.size() && spec[i + 1] == 'x') {
      result.add_literal(hex_pair(spec, i + 2));
      i += 4;
    } else if (spec[i] == '\\' && i + 1 < spec.size()) {
      result.add_literal(escaped(spec[i + 1]));
      i += 2;
    } else {
      result.add_literal(spec[i++]);
    }
  }
  return result;
}

}  // namespace crier::bench
