// Two properties. Over any bytes: where the reads are cut never changes the events, text is UTF-8, nothing
// is over the limit. Over the frames of our own writer: what was sent is what is received, however it was
// fragmented.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/base/check.hpp"
#include "protocol/websocket/deflate.hpp"
#include "protocol/websocket/frame_writer.hpp"
#include "protocol/websocket/mask.hpp"
#include "tests/support/reference_utf8.hpp"
#include "tests/support/websocket_events.hpp"

using namespace crier::websocket;
using crier::testing::AssemblerRun;
using crier::testing::judge_utf8;
using crier::testing::Transcript;
using crier::testing::Utf8Verdict;

namespace {

constexpr std::size_t message_bytes_max = 700;  // both sides of the 16-bit length form

struct Input {
  Role role;
  bool deflate;
  std::string_view cuts;  // sizes of the pieces, used again and again
  std::string_view body;
};

Transcript run(const Input& in, std::string_view wire, bool cut) {
  static Inflater inflater;
  AssemblerRun assembler(MessageAssembler(in.role, message_bytes_max, in.deflate), &inflater);
  if (!cut || in.cuts.empty()) {
    assembler.feed(wire);
    return assembler.transcript();
  }
  for (std::size_t i = 0; !wire.empty(); ++i) {
    const auto size = static_cast<unsigned char>(in.cuts[i % in.cuts.size()]);
    const std::string_view piece = wire.substr(0, 1 + size % 64U);
    assembler.feed(piece);
    wire.remove_prefix(piece.size());
  }
  return assembler.transcript();
}

void check_any_bytes(const Input& in) {
  const Transcript whole = run(in, in.body, false);
  const Transcript pieces = run(in, in.body, true);
  CRIER_ASSERT(whole.lines == pieces.lines);
  CRIER_ASSERT(whole.failed || whole.in_progress == pieces.in_progress);
  for (const std::string_view line : whole.lines) {
    if (line.starts_with("text ")) {
      CRIER_ASSERT(judge_utf8(line.substr(5)) == Utf8Verdict::whole);
      CRIER_ASSERT(line.size() <= 5 + message_bytes_max);
    }
    if (line.starts_with("binary ")) CRIER_ASSERT(line.size() <= 7 + message_bytes_max);
    if (line.starts_with("close ")) CRIER_ASSERT(judge_utf8(line.substr(6)) == Utf8Verdict::whole);
  }
}

// Valid in: the same bytes as a client's (masked) or a server's frames, in fragments as the cuts say, with
// pings between.
void check_round_trip(const Input& in) {
  const std::string_view payload = in.body.substr(0, message_bytes_max);
  std::string wire;
  std::vector<std::string> expected;
  std::size_t sent = 0;
  for (std::size_t i = 0;; ++i) {
    const std::size_t bytes = i < in.cuts.size() ? static_cast<unsigned char>(in.cuts[i]) : payload.size();
    const std::string_view fragment = payload.substr(sent, bytes);
    sent += fragment.size();
    FrameHead head{.opcode = i == 0 ? Opcode::binary : Opcode::continuation,
                   .fin = i >= in.cuts.size(),
                   .payload_bytes = fragment.size()};
    if (in.role == Role::server) {
      head.masked = true;
      head.mask = 0x9D3A00F1U * static_cast<std::uint32_t>(i + 1);
    }
    char written[frame_head_bytes_max];
    wire.append(written, write_frame_head(written, head));
    wire += fragment;
    apply_mask(std::span(wire).last(fragment.size()), head.mask);
    if (head.fin) break;
    const std::string_view ping = fragment.substr(0, control_payload_bytes_max);
    if (in.role == Role::server) {
      append_client_frame(wire, Opcode::ping, ping, 0x01020304U);
    } else {
      append_server_frame(wire, Opcode::ping, ping);
    }
    expected.push_back("ping " + std::string(ping));
  }
  expected.push_back("binary " + std::string(payload));
  CRIER_ASSERT(run(in, wire, false).lines == expected);
  CRIER_ASSERT(run(in, wire, true).lines == expected);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t cuts = std::min<std::size_t>(data[0] >> 2, bytes.size());
  const Input in{.role = (data[0] & 1) != 0 ? Role::server : Role::client,
                 .deflate = (data[0] & 2) != 0,
                 .cuts = bytes.substr(0, cuts),
                 .body = bytes.substr(cuts)};
  check_any_bytes(in);
  check_round_trip(in);
  return 0;
}
