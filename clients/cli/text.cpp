#include "clients/cli/text.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace crier::cli {

namespace {

// With as many decimals as make three digits.
std::string three_digits(double number) {
  const int decimals = number < 9.995 ? 2 : number < 99.95 ? 1 : 0;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.*f", decimals, number);
  return text.data();
}

std::string_view code_of(Style style) {
  switch (style) {
    case Style::plain: return "";
    case Style::strong: return "\x1b[1m";
    case Style::faint: return "\x1b[2m";
    case Style::bad: return "\x1b[1;31m";
    case Style::inverse: return "\x1b[7m";
  }
  __builtin_unreachable();
}

std::string two_units(std::uint64_t large, const char* large_unit, std::uint64_t small, const char* small_unit) {
  return std::to_string(large) + " " + large_unit + " " + std::to_string(small) + " " + small_unit;
}

}  // namespace

double bounded(double number) {
  return number > 0 ? std::min(number, 1e15) : 0;
}

std::string grouped(std::uint64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string short_number(double number) {
  number = bounded(number);
  if (number == std::floor(number) && number < 1000) return std::to_string(static_cast<int>(number));
  if (number < 999.5) return three_digits(number);
  if (number < 999'500) return three_digits(number / 1e3) + " k";
  if (number < 999'500'000) return three_digits(number / 1e6) + " M";
  return three_digits(number / 1e9) + " G";
}

std::string bytes_text(double bytes) {
  constexpr std::array units = {"KiB", "MiB", "GiB", "TiB"};
  bytes = bounded(bytes);
  if (bytes < 1023.5) return std::to_string(std::lround(bytes)) + " B";
  std::size_t unit = 0;
  bytes /= 1024;
  while (bytes >= 999.5 && unit + 1 < units.size()) {
    bytes /= 1024;
    ++unit;
  }
  return three_digits(bytes) + " " + units[unit];
}

std::string latency_text(double seconds) {
  seconds = bounded(seconds);
  if (seconds < 0.000'999'5) return std::to_string(std::lround(seconds * 1e6)) + " us";
  if (seconds < 0.999'5) return three_digits(seconds * 1e3) + " ms";
  return three_digits(seconds) + " s";
}

std::string span_text(double seconds) {
  const auto whole = static_cast<std::uint64_t>(bounded(seconds));
  if (whole < 60) return std::to_string(whole) + " s";
  if (whole < 3600) return two_units(whole / 60, "min", whole % 60, "s");
  if (whole < 86'400) return two_units(whole / 3600, "h", whole / 60 % 60, "min");
  return two_units(whole / 86'400, "d", whole / 3600 % 24, "h");
}

Line& Line::add(std::string_view text, Style style) {
  pieces_.push_back({std::string(text), style});
  width_ += text.size();
  return *this;
}

Line& Line::pad_to(std::size_t column) {
  const std::size_t blanks = column > width_ ? column - width_ : width_ > 0 ? 1 : 0;
  return add(std::string(blanks, ' '), pieces_.empty() ? Style::plain : pieces_.back().style);
}

Line& Line::right_to(std::size_t column, std::string_view text, Style style) {
  const std::size_t used = std::min(column, width_ + text.size());
  return add(std::string(column - used, ' '), style).add(text, style);
}

std::string Line::text(std::size_t width_max) const {
  std::string out;
  std::size_t left = width_max;
  for (const Piece& piece : pieces_) {
    const std::string_view shown = std::string_view(piece.text).substr(0, left);
    left -= shown.size();
    const std::string_view code = colour_ ? code_of(piece.style) : "";
    out.append(code).append(shown);
    if (!code.empty()) out += "\x1b[0m";
  }
  return out;
}

namespace {

// U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069 (UAX #9, 2), at the front of `text`; 0: another character.
unsigned bidi_control(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  if (byte(0) == 0xD8 && byte(1) == 0x9C) return 0x061C;
  if (byte(0) != 0xE2 || (byte(1) != 0x80 && byte(1) != 0x81)) return 0;
  const unsigned code = 0x2000U + ((byte(1) & 0x3FU) << 6U) + (byte(2) & 0x3FU);
  const bool mark = code == 0x200E || code == 0x200F;
  return mark || (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069) ? code : 0;
}

}  // namespace

std::string harmless(std::string_view line) {
  std::string out;
  const auto spell = [&](unsigned code) {
    std::array<char, 8> text{};
    std::snprintf(text.data(), text.size(), "\\u%04x", code);
    out += text.data();
  };
  for (std::size_t i = 0; i < line.size(); ++i) {
    const auto byte = static_cast<unsigned char>(line[i]);
    const auto next = i + 1 < line.size() ? static_cast<unsigned char>(line[i + 1]) : 0U;
    if (byte == 0xC2 && next >= 0x80 && next <= 0x9F) {  // C1, as UTF-8
      spell(next);
      ++i;
    } else if (const unsigned control = bidi_control(line.substr(i)); control != 0) {
      spell(control);
      i += control < 0x800 ? 1 : 2;
    } else if ((byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7F) {
      spell(byte);
    } else {
      out += line[i];
    }
  }
  return out;
}

std::string harmless_line(std::string_view text) {
  std::string out;
  for (const char c : harmless(text)) {
    if (c == '\n') {
      out += "\\u000a";
    } else {
      out += c;
    }
  }
  return out;
}

std::string ascii_only(std::string text) {
  for (char& c : text) {
    if (c < ' ' || c > '~') c = '?';
  }
  return text;
}

bool wants_colour(int descriptor) {
  const char* const refused = std::getenv("NO_COLOR");
  const char* const terminal = std::getenv("TERM");
  return ::isatty(descriptor) == 1 && (refused == nullptr || *refused == '\0') &&
         (terminal == nullptr || std::string_view(terminal) != "dumb");
}

}  // namespace crier::cli
