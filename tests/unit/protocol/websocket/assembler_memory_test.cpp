// What a MessageAssembler takes from the heap, counted by replacing operator new for this program.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <span>
#include <string>

#include "protocol/websocket/frame_writer.hpp"
#include "protocol/websocket/message_assembler.hpp"

namespace {

std::size_t bytes_held = 0;
std::size_t bytes_peak = 0;
std::size_t calls = 0;

// The size lies in front of the block, one alignment unit wide.
constexpr std::size_t front = alignof(std::max_align_t);

}  // namespace

void* operator new(std::size_t size) {
  auto* block = static_cast<char*>(std::malloc(size + front));
  if (block == nullptr) std::abort();
  *reinterpret_cast<std::size_t*>(block) = size;
  bytes_held += size;
  if (bytes_held > bytes_peak) bytes_peak = bytes_held;
  ++calls;
  return block + front;
}

void operator delete(void* at) noexcept {
  if (at == nullptr) return;
  char* block = static_cast<char*>(at) - front;
  bytes_held -= *reinterpret_cast<std::size_t*>(block);
  std::free(block);
}

void operator delete(void* at, std::size_t) noexcept {
  operator delete(at);
}

namespace crier::websocket {
namespace {

constexpr std::uint32_t mask = 0x01020304;

// Runs `assembler` over all of `input` and returns how many messages came.
std::size_t drain(MessageAssembler& assembler, std::span<char> input) {
  std::size_t messages = 0;
  for (;;) {
    const AssemblerEvent event = assembler.next(input, nullptr);
    if (std::holds_alternative<Starved>(event)) return messages;
    if (std::holds_alternative<Message>(event)) ++messages;
  }
}

TEST(MessageAssemblerMemory, Is_not_touched_by_whole_messages_and_control_frames) {
  std::string wire;
  constexpr std::size_t sizes[] = {0, 5, 125, 126, 5000, 70000};
  for (const std::size_t size : sizes) {
    append_client_frame(wire, Opcode::text, std::string(size, 'x'), mask);
    append_client_frame(wire, Opcode::ping, "ping", mask);
  }
  MessageAssembler assembler(Role::server, 1 << 20, false);
  const std::size_t calls_before = calls;
  const std::size_t messages = drain(assembler, wire);
  const std::size_t calls_after = calls;
  EXPECT_EQ(messages, 6U);
  EXPECT_EQ(calls_after, calls_before);
}

TEST(MessageAssemblerMemory, Is_given_back_when_a_cut_message_is_complete) {
  std::string wire;
  append_client_frame(wire, Opcode::text, std::string(5000, 'x'), mask);
  MessageAssembler assembler(Role::server, 1 << 20, false);
  const std::size_t held_before = bytes_held;
  const std::size_t first = drain(assembler, std::span(wire).first(4000));
  const std::size_t held_within = bytes_held;
  const std::size_t second = drain(assembler, std::span(wire).subspan(4000));
  const std::size_t held_after = bytes_held;
  EXPECT_EQ(first + second, 1U);
  EXPECT_GT(held_within, held_before + 3900);
  EXPECT_EQ(held_after, held_before);
}

TEST(MessageAssemblerMemory, Follows_the_bytes_that_arrived_not_the_length_announced) {
  char head[frame_head_bytes_max];
  const std::size_t head_bytes = write_frame_head(
      head, {.opcode = Opcode::binary, .masked = true, .mask = mask, .payload_bytes = std::uint64_t{1} << 30});
  std::string wire(head, head_bytes);
  wire.append(1000, 'x');
  MessageAssembler assembler(Role::server, std::size_t{1} << 30, false);
  const std::size_t held_before = bytes_held;
  drain(assembler, wire);
  const std::size_t held = bytes_held - held_before;
  EXPECT_GT(held, 1000U);
  EXPECT_LT(held, 2 * 1000U + 500);
}

TEST(MessageAssemblerMemory, Never_exceeds_the_limit_by_more_than_the_fixed_record_however_the_message_is_cut) {
  constexpr std::size_t limit = 40000;
  std::string wire;
  FrameHead head{.opcode = Opcode::binary, .fin = false, .masked = true, .mask = mask, .payload_bytes = 1000};
  for (std::size_t sent = 0; sent < limit; sent += 1000) {
    char written[frame_head_bytes_max];
    head.fin = sent + 1000 == limit;
    wire.append(written, write_frame_head(written, head));
    wire.append(1000, 'x');
    head.opcode = Opcode::continuation;
  }
  MessageAssembler assembler(Role::server, limit, false);
  const std::size_t held_before = bytes_held;
  const std::size_t calls_before = calls;
  std::size_t held_most = 0;
  std::size_t messages = 0;
  for (std::size_t at = 0; at < wire.size(); at += 100) {
    messages += drain(assembler, std::span(wire).subspan(at, std::min<std::size_t>(100, wire.size() - at)));
    held_most = std::max(held_most, bytes_held - held_before);
  }
  const std::size_t calls_made = calls - calls_before;
  EXPECT_EQ(messages, 1U);
  EXPECT_LE(held_most, limit + 500);
  EXPECT_LT(calls_made, 16U) << "room must grow by factors, not by pieces";
}

}  // namespace
}  // namespace crier::websocket
