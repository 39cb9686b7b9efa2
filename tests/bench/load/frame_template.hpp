// Message templates of a target file: literal bytes with placeholders.
//
//   {channel} {id} {payload}      the value
//   {len}                         length of the payload, decimal
//   {u16:channel} {u16:id}        length of that value, 16 bits, big-endian
//   {vrest}                       length of all that follows, as MQTT's variable-length integer
//
// Any other brace is literal, so that JSON can be written as it is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace crier::bench {

struct Variables {
  std::string_view channel;
  std::string_view id;
  std::string_view payload;
};

class FrameTemplate {
 public:
  // A frame: "text:..." and "bin:..." take \r \n \t \\ \xNN; "hex:..." takes pairs of digits and is binary.
  // Ends the process on a bad one.
  static FrameTemplate frame(std::string_view spec);
  // Bytes that are no frame of their own: a path, the body of a request.
  static FrameTemplate text(std::string_view spec) { return parse(spec, false, false); }

  [[nodiscard]] bool empty() const { return pieces_.empty(); }
  [[nodiscard]] std::uint8_t opcode() const { return binary_ ? 2 : 1; }
  [[nodiscard]] bool uses_channel() const;

  [[nodiscard]] std::string render(const Variables& values) const;
  // Appends to `out`.
  void render_to(std::string& out, const Variables& values) const;

 private:
  enum class Kind : std::uint8_t { literal, channel, id, payload, len, u16_channel, u16_id, vrest };
  struct Placeholder {
    std::string_view name;
    Kind kind;
  };
  struct Piece {
    Kind kind;
    std::string literal;
  };

  static FrameTemplate parse(std::string_view spec, bool hex, bool binary);
  static const Placeholder* placeholder_at(std::string_view rest);
  static std::size_t size_of(const Piece& piece, const Variables& values);
  void add_literal(char c);

  std::vector<Piece> pieces_;
  bool binary_ = false;
};

}  // namespace crier::bench
