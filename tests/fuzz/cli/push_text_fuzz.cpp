// Whatever was published: one line of `crier sub`, which no terminal takes for a command, and with --json a push that
// can be read, with the same data.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "clients/cli/push_text.hpp"
#include "clients/cli/text.hpp"
#include "protocol/base/check.hpp"
#include "protocol/command/json_scanner.hpp"
#include "protocol/websocket/utf8.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  for (const char c : crier::cli::harmless(input)) {
    CRIER_ASSERT(c == '\n' || c == '\t' || (static_cast<unsigned char>(c) >= ' ' && c != '\x7F'));
  }
  // A broker sends nothing else as data.
  if (!crier::websocket::valid_utf8(input) || crier::command::check_json(input)) return 0;
  const std::string line = crier::cli::data_line(input);
  CRIER_ASSERT(line.find('\n') == std::string::npos && line.find('\r') == std::string::npos);
  CRIER_ASSERT(!crier::command::check_json(line));
  crier::client::Message message;
  message.channel = "news";
  message.data = input;
  const std::string push = crier::cli::push_json(message);
  CRIER_ASSERT(push.find('\n') == std::string::npos);
  CRIER_ASSERT(!crier::command::check_json(push));
  static_cast<void>(crier::cli::raw_text(input));
  return 0;
}
