// Arbitrary bytes as what a broker says, and as a command. What is read is written as something that reads as the
// same again: nothing is lost on the way, and nothing is read in two ways. A message's data are bytes of the input.
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "protocol/base/check.hpp"
#include "protocol/command/command_writer.hpp"
#include "protocol/command/json_codec.hpp"
#include "protocol/command/server_message.hpp"
#include "protocol/websocket/utf8.hpp"

namespace {

using namespace crier;
using namespace crier::command;

std::string written(const ServerMessage& message) {
  std::string text;
  if (const auto* reply = std::get_if<Reply>(&message)) append_json(text, *reply);
  if (const auto* push = std::get_if<Push>(&message)) append_json(text, *push);
  return text;
}

void check_server_message(std::string_view input) {
  static ServerMessageReader reader;
  auto message = reader.read(input);
  if (!message) {
    CRIER_ASSERT(!message.error().empty());
    return;
  }
  if (const auto* received = std::get_if<ReceivedMessage>(&*message)) {
    const auto* const data = received->data_json.data();
    CRIER_ASSERT(data >= input.data() && data + received->data_json.size() <= input.data() + input.size());
    CRIER_ASSERT(!check_json(received->data_json));
    return;
  }
  const std::string text = written(*message);
  if (text.empty()) return;
  auto again = reader.read(text);
  CRIER_ASSERT(again && written(*again) == text);
}

void check_command(std::string_view input) {
  static JsonCommandParser parser;
  static JsonCommandParser other;
  auto batch = parser.parse(input);
  if (!batch) return;
  for (const Command& command : batch->commands) {
    std::string text;
    append_json(text, command);
    auto again = other.parse(text);
    CRIER_ASSERT(again && again->commands.size() == 1);
    std::string same;
    append_json(same, again->commands[0]);
    CRIER_ASSERT(same == text);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (!websocket::valid_utf8(input)) return 0;
  check_server_message(input);
  check_command(input);
  return 0;
}
