// Numbers and lines for people at a terminal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace crier::cli {

// A number of somebody else's as one that can be shown: not below 0, no NaN, not beyond 10^15.
[[nodiscard]] double bounded(double number);
// 1234567 -> "1,234,567"
[[nodiscard]] std::string grouped(std::uint64_t number);
// "0", "34.5", "12.3 k", "1.02 M": three digits that count.
[[nodiscard]] std::string short_number(double number);
// "512 B", "1.2 MiB"
[[nodiscard]] std::string bytes_text(double bytes);
// "85 us", "1.20 ms", "2.5 s"
[[nodiscard]] std::string latency_text(double seconds);
// "12 s", "3 min 5 s", "3 h 12 min", "8 d 3 h"
[[nodiscard]] std::string span_text(double seconds);

// For a terminal: without anything that it would take for a command (C0 but for line ends and tabs, DEL, C1), or that
// would show a text in another order than it has (the controls of Unicode's bidirectional algorithm).
[[nodiscard]] std::string harmless(std::string_view line);
// The same, in one line.
[[nodiscard]] std::string harmless_line(std::string_view text);
// Only ASCII without controls: where columns are counted.
[[nodiscard]] std::string ascii_only(std::string text);

enum class Style : std::uint8_t { plain, strong, faint, bad, inverse };

// One line of a screen: knows how wide it is, whatever colours it has.
class Line {
 public:
  explicit Line(bool colour) : colour_(colour) {}
  // ASCII without controls.
  Line& add(std::string_view text, Style style = Style::plain);
  // Blanks up to that column; at least one when something stands there already.
  Line& pad_to(std::size_t column);
  // So that it ends at that column.
  Line& right_to(std::size_t column, std::string_view text, Style style = Style::plain);
  [[nodiscard]] std::size_t width() const { return width_; }
  // Cut at `width_max` columns.
  [[nodiscard]] std::string text(std::size_t width_max) const;

 private:
  struct Piece {
    std::string text;
    Style style;
  };
  std::vector<Piece> pieces_;
  std::size_t width_ = 0;
  bool colour_;
};

// May this stream carry colours? A terminal, no NO_COLOR (https://no-color.org), and TERM is not "dumb".
[[nodiscard]] bool wants_colour(int descriptor);

}  // namespace crier::cli
