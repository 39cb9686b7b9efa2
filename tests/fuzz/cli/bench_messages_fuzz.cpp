// What `crier bench` makes of a server's bytes. A frame that it takes by the short way is what the assembler makes of
// it too; whatever the text, reading it stays inside; and what is written as a marker is read as that marker.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "clients/cli/bench/payload.hpp"
#include "clients/cli/bench/server_message.hpp"
#include "protocol/base/check.hpp"
#include "protocol/websocket/message_assembler.hpp"

using namespace crier::cli::benchmark;
using namespace crier::websocket;

namespace {

constexpr std::size_t message_bytes_max = 700;

bool within(std::string_view part, std::string_view whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void read_text(std::string_view text) {
  for (const std::size_t expected_at : {std::size_t{0}, data_offset("a"), text.size(), text.size() + 1}) {
    const std::string_view data = data_of(text, expected_at);
    CRIER_ASSERT(within(data, text));
    if (const auto marker = read_marker(data)) {
      std::string again(marker_bytes, '\0');
      write_marker(again.data(), *marker);
      CRIER_ASSERT(data.starts_with(again));
    }
  }
  CRIER_ASSERT(!published_id(text) || text.starts_with(R"({"op":"published")"));
  CRIER_ASSERT(read_notice(text).text.size() <= text.size());
}

void read_frames(std::string bytes) {
  std::span<char> input(bytes);
  while (!input.empty()) {
    std::string copy(input.data(), input.size());
    std::span<char> same(copy);
    const auto text = take_whole_text(input, message_bytes_max);
    if (!text) return;
    MessageAssembler assembler(Role::client, message_bytes_max, false);
    const AssemblerEvent event = assembler.next(same, nullptr);
    CRIER_ASSERT(same.size() == input.size());
    if (const auto* message = std::get_if<Message>(&event)) {
      CRIER_ASSERT(message->opcode == Opcode::text && message->data == *text);
    } else {
      CRIER_ASSERT(std::get<FrameError>(event) == FrameError::bad_utf8);
    }
    read_text(*text);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  read_text(bytes);
  read_frames(bytes);
  return 0;
}
