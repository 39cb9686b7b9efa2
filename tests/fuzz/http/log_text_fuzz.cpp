// Property: whatever goes into a log line, it comes out as one line of one JSON string, bounded, in which no control
// and no separator is left.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "broker/runtime/log_text.hpp"
#include "protocol/base/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t bytes_max = data[0];
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);

  std::string line;
  crier::runtime::append_quoted(line, text, bytes_max);
  CRIER_ASSERT(line.size() <= 6 * bytes_max + 5);
  for (const char c : line) CRIER_ASSERT(static_cast<unsigned char>(c) >= 0x20 && c != '\x7F');
  // By its bytes: as a literal it would turn this very line around.
  const std::string override_mark{'\xe2', '\x80', '\xae'};
  CRIER_ASSERT(line.find("\xe2\x80\xa8") == std::string::npos && line.find(override_mark) == std::string::npos);
  // Parsing validates the UTF-8 too.
  const std::string back = nlohmann::json::parse(line).get<std::string>();
  if (back.find("\xef\xbf\xbd") == std::string::npos && text.size() <= bytes_max) CRIER_ASSERT(back == text);

  std::string plain;
  crier::runtime::append_plain(plain, text, bytes_max);
  CRIER_ASSERT(plain.size() <= line.size());
  return 0;
}
