// Small helpers on strings, and the way out on a fault of the command line or of a target file.
#pragma once

#include <string>
#include <string_view>

namespace crier::bench {

// Prints the message and ends the process with status 1.
[[noreturn]] __attribute__((format(printf, 1, 2))) void die(const char* format, ...);

// printf into a string, cut at 1023 characters.
[[nodiscard]] __attribute__((format(printf, 1, 2))) std::string formatted(const char* format, ...);

[[nodiscard]] std::string trim(std::string_view text);
[[nodiscard]] std::string lower(std::string text);

// What a server sent, fit for a terminal: at most `size_max` bytes, a dot for what cannot be printed.
[[nodiscard]] std::string printable(std::string_view bytes, std::size_t size_max);

// Value of a hexadecimal digit, -1 for any other character.
[[nodiscard]] constexpr int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace crier::bench
