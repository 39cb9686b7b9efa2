// What the process that started this one has said. Before there are threads.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdlib>
#include <optional>
#include <string>
#include <system_error>

namespace crier::runtime {

// "": it is empty, or there is none.
[[nodiscard]] inline std::string variable(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): see above
  return value == nullptr ? "" : value;
}

// None: it is no such number, or there is none.
template <std::integral Number>
[[nodiscard]] std::optional<Number> number_variable(const char* name) {
  const std::string text = variable(name);
  Number number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size();
  return whole ? std::optional(number) : std::nullopt;
}

}  // namespace crier::runtime
