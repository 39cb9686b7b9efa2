// Runs a MessageAssembler over bytes that arrive in given pieces and writes down what came out.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/base/check.hpp"
#include "protocol/websocket/message_assembler.hpp"

namespace crier::testing {

// One line an event: "text hello", "ping x", "close 1000 bye", "error bad UTF-8".
inline std::string to_line(const websocket::AssemblerEvent& event) {
  using namespace websocket;
  return std::visit(
      Overloaded{
          [](const Starved&) { return std::string("starved"); },
          [](const Message& m) { return (m.opcode == Opcode::text ? "text " : "binary ") + std::string(m.data); },
          [](const Ping& p) { return "ping " + std::string(p.payload); },
          [](const Pong& p) { return "pong " + std::string(p.payload); },
          [](const CloseFrame& c) {
            return "close " + std::to_string(static_cast<unsigned>(c.code)) + " " + std::string(c.reason);
          },
          [](FrameError error) { return "error " + std::string(describe(error).reason); },
      },
      event);
}

struct Transcript {
  std::vector<std::string> lines;
  bool failed = false;       // a FrameError came, the last line
  bool in_progress = false;  // at the end
};

class AssemblerRun {
 public:
  AssemblerRun(websocket::MessageAssembler assembler, websocket::Inflater* inflater)
      : assembler_(std::move(assembler)), inflater_(inflater) {}

  // Each piece lies in memory of its own size, so that a sanitizer sees a read beyond it.
  void feed(std::string_view piece) {
    if (transcript_.failed) return;
    std::vector<char> bytes(piece.begin(), piece.end());
    std::span<char> input(bytes);
    for (;;) {
      const websocket::AssemblerEvent event = assembler_.next(input, inflater_);
      if (std::holds_alternative<websocket::Starved>(event)) {
        CRIER_ASSERT(input.empty());
        break;
      }
      transcript_.lines.push_back(to_line(event));
      transcript_.failed = std::holds_alternative<websocket::FrameError>(event);
      if (transcript_.failed) break;
    }
    transcript_.in_progress = assembler_.in_progress();
  }

  [[nodiscard]] const Transcript& transcript() const { return transcript_; }

 private:
  websocket::MessageAssembler assembler_;
  websocket::Inflater* inflater_;
  Transcript transcript_;
};

}  // namespace crier::testing
