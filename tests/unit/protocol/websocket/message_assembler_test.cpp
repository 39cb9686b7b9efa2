#include "protocol/websocket/message_assembler.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <set>
#include <string>
#include <vector>

#include "protocol/websocket/deflate.hpp"
#include "protocol/websocket/frame_writer.hpp"
#include "protocol/websocket/mask.hpp"
#include "tests/support/every_cut.hpp"
#include "tests/support/websocket_events.hpp"

namespace crier::websocket {
namespace {

constexpr std::size_t length_form_edges[] = {0, 1, 125, 126, 127, 65535, 65536};

using crier::testing::AssemblerRun;
using crier::testing::for_each_piece;
using crier::testing::for_every_cut;
using crier::testing::Transcript;

using Lines = std::vector<std::string>;

constexpr std::size_t limit = 1024;
constexpr std::uint32_t mask = 0x3D21FA37;

std::string bytes(std::initializer_list<unsigned> values) {
  std::string text;
  for (const unsigned value : values) text += static_cast<char>(value);
  return text;
}

std::string error_line(FrameError error) {
  return "error " + std::string(describe(error).reason);
}

// A frame as the peer of `role` sends it.
std::string frame(Role role, Opcode opcode, std::string_view payload, bool fin = true, bool compressed = false) {
  FrameHead head{.opcode = opcode, .fin = fin, .compressed = compressed, .payload_bytes = payload.size()};
  if (role == Role::server) {
    head.masked = true;
    head.mask = mask;
  }
  char written[frame_head_bytes_max];
  std::string wire(written, write_frame_head(written, head));
  std::string body(payload);
  apply_mask(body, head.mask);
  return wire + body;
}
std::string frame(Opcode opcode, std::string_view payload, bool fin = true, bool compressed = false) {
  return frame(Role::server, opcode, payload, fin, compressed);
}

struct Setting {
  Role role = Role::server;
  std::size_t message_bytes_max = limit;
  bool deflate = true;
};

Transcript run(const Setting& setting, const std::vector<std::string_view>& pieces) {
  static Inflater inflater;
  AssemblerRun assembler(MessageAssembler(setting.role, setting.message_bytes_max, setting.deflate),
                         setting.deflate ? &inflater : nullptr);
  for (const std::string_view piece : pieces) assembler.feed(piece);
  return assembler.transcript();
}

// The wire gives these events whole, cut in two anywhere, and in pieces of one and of three bytes.
void expect_events(const Setting& setting, const std::string& wire, const Lines& expected, bool in_progress = false) {
  const auto check = [&](const std::vector<std::string_view>& pieces, std::size_t shown) {
    const Transcript got = run(setting, pieces);
    ASSERT_EQ(got.lines, expected) << "cut " << shown;
    ASSERT_EQ(got.failed ? in_progress : got.in_progress, in_progress) << "cut " << shown;
  };
  check({wire}, 0);
  if (wire.size() < 4096) for_every_cut(wire, [&](auto first, auto second) { check({first, second}, first.size()); });
  for (const std::size_t size : {std::size_t{1}, std::size_t{3}}) {
    std::vector<std::string_view> pieces;
    for_each_piece(wire, size, [&](std::string_view piece) { pieces.push_back(piece); });
    check(pieces, size);
  }
}
void expect_events(const std::string& wire, const Lines& expected, bool in_progress = false) {
  expect_events(Setting{}, wire, expected, in_progress);
}
void expect_error(const std::string& wire, FrameError error) {
  expect_events(wire, {error_line(error)});
}

// The error shows with the last byte of `wire`, not before.
void expect_error_at_last_byte(const std::string& wire, FrameError error) {
  const std::string_view all = wire;
  EXPECT_EQ(run({}, {all.substr(0, all.size() - 1)}).lines, Lines{});
  expect_events(wire, {error_line(error)});
}

TEST(MessageAssembler, Reads_the_examples_of_RFC_6455_5_7_in_both_roles) {
  const Setting client{.role = Role::client};
  expect_events(client, bytes({0x81, 0x05, 'H', 'e', 'l', 'l', 'o'}), {"text Hello"});
  expect_events(bytes({0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58}), {"text Hello"});
  expect_events(client, bytes({0x01, 0x03, 'H', 'e', 'l', 0x80, 0x02, 'l', 'o'}), {"text Hello"});
  expect_events(client, bytes({0x89, 0x05, 'H', 'e', 'l', 'l', 'o'}), {"ping Hello"});
  expect_events(bytes({0x8A, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58}), {"pong Hello"});
  const std::string b256(256, 'b');
  expect_events(client, bytes({0x82, 0x7E, 0x01, 0x00}) + b256, {"binary " + b256});
  const std::string b64k(65536, 'b');
  expect_events({.role = Role::client, .message_bytes_max = 65536}, bytes({0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0}) + b64k,
                {"binary " + b64k});
}

TEST(MessageAssembler, Takes_messages_of_every_length_form_in_both_roles) {
  for (const Role role : {Role::server, Role::client}) {
    for (const std::size_t size : length_form_edges) {
      std::string payload(size, '\0');
      for (std::size_t i = 0; i < size; ++i) payload[i] = static_cast<char>('a' + i % 26);
      const Setting setting{.role = role, .message_bytes_max = 65536};
      expect_events(setting, frame(role, Opcode::binary, payload), {"binary " + payload});
      expect_events(setting, frame(role, Opcode::text, payload), {"text " + payload});
    }
  }
}

TEST(MessageAssembler, Gives_the_messages_of_one_input_in_their_order) {
  expect_events(frame(Opcode::text, "one") + frame(Opcode::binary, "two") + frame(Opcode::ping, "") +
                    frame(Opcode::text, std::string(200, 'x')) + frame(Opcode::text, ""),
                {"text one", "binary two", "ping ", "text " + std::string(200, 'x'), "text "});
}

TEST(MessageAssembler, Takes_control_frames_between_fragments) {
  expect_events(frame(Opcode::text, "Hel", false) + frame(Opcode::ping, "p1") + frame(Opcode::continuation, "", false) +
                    frame(Opcode::pong, "p2") + frame(Opcode::continuation, "lo"),
                {"ping p1", "pong p2", "text Hello"});
  expect_events(frame(Opcode::binary, "", false) + frame(Opcode::continuation, ""), {"binary "});
  expect_events(frame(Opcode::text, "unfinished", false) + frame(Opcode::close, bytes({0x03, 0xE8})), {"close 1000 "},
                true);
}

TEST(MessageAssembler, Goes_on_with_whole_messages_after_a_fragmented_one) {
  expect_events(frame(Opcode::text, "a", false) + frame(Opcode::continuation, "b") + frame(Opcode::text, "c") +
                    frame(Opcode::binary, "d", false) + frame(Opcode::continuation, "e") + frame(Opcode::binary, "f"),
                {"text ab", "text c", "binary de", "binary f"});
}

TEST(MessageAssembler, Refuses_what_the_head_alone_condemns) {
  expect_error_at_last_byte(bytes({0x91}), FrameError::reserved_bits);
  expect_error_at_last_byte(bytes({0xA1}), FrameError::reserved_bits);
  expect_events({.deflate = false}, bytes({0xC1, 0x80}), {error_line(FrameError::reserved_bits)});
  expect_error_at_last_byte(bytes({0xC9}), FrameError::compressed_control);
  expect_error_at_last_byte(bytes({0x83}), FrameError::unknown_opcode);
  expect_error_at_last_byte(bytes({0x81, 0x05}), FrameError::unmasked);
  expect_events({.role = Role::client}, bytes({0x81, 0x85}), {error_line(FrameError::masked)});
  expect_error_at_last_byte(bytes({0x82, 0xFE, 0, 125}), FrameError::length_not_minimal);
  expect_error_at_last_byte(bytes({0x82, 0xFF, 0x80}), FrameError::length_top_bit);
  expect_error_at_last_byte(bytes({0x09}), FrameError::control_fragmented);
  expect_error_at_last_byte(bytes({0x88, 0xFE}), FrameError::control_too_long);
  // Whole frames with these faults get the same answer as their first bytes.
  expect_error(bytes({0x82, 0xFE, 0, 2, 1, 2, 3, 4, 'a', 'b'}), FrameError::length_not_minimal);
  expect_error(bytes({0x81, 0x05, 'H', 'e', 'l', 'l', 'o', '!'}), FrameError::unmasked);
  expect_events({.role = Role::client}, bytes({0x81, 0x82, 1, 2, 3, 4, 5, 6}), {error_line(FrameError::masked)});
}

TEST(MessageAssembler, Refuses_frames_out_of_sequence_at_their_first_byte) {
  expect_error_at_last_byte(bytes({0x80}), FrameError::unexpected_continuation);
  expect_error_at_last_byte(bytes({0x00}), FrameError::unexpected_continuation);
  for (const unsigned first : {0x81U, 0x82U, 0x01U, 0xC1U}) {
    expect_error_at_last_byte(frame(Opcode::text, "a", false) + bytes({first}), FrameError::expected_continuation);
  }
  // The bytes behind have faults of their own, which must not show instead.
  expect_error(bytes({0x80, 0x05}), FrameError::unexpected_continuation);
  expect_error(frame(Opcode::text, "a", false) + bytes({0x82, 0xFF, 0x80}), FrameError::expected_continuation);
  expect_events(frame(Opcode::text, "a") + frame(Opcode::continuation, "b"),
                {"text a", error_line(FrameError::unexpected_continuation)});
  expect_error(
      frame(Opcode::text, "a", false) + frame(Opcode::continuation, "b", false, false) + frame(Opcode::text, "c"),
      FrameError::expected_continuation);
  // Of two faults in the first byte the one that holds in any sequence shows.
  expect_error(bytes({0xC0}), FrameError::compressed_control);
  expect_error(frame(Opcode::text, "a", false) + bytes({0x83}), FrameError::unknown_opcode);
  expect_error(frame(Opcode::text, "a", false) + bytes({0x91}), FrameError::reserved_bits);
}

TEST(MessageAssembler, Reads_close_frames_with_and_without_status_and_reason) {
  expect_events(frame(Opcode::close, ""), {"close 1005 "});
  expect_events(frame(Opcode::close, bytes({0x03, 0xE8})), {"close 1000 "});
  expect_events(frame(Opcode::close, bytes({0x0F, 0xA3}) + "grüße"), {"close 4003 grüße"});
  expect_events(frame(Opcode::close, bytes({0x0B, 0xB8}) + std::string(123, 'r')),
                {"close 3000 " + std::string(123, 'r')});
}

TEST(MessageAssembler, Refuses_close_payloads_that_break_the_rules) {
  expect_error(frame(Opcode::close, "x"), FrameError::bad_close_payload);
  for (const unsigned code : {0U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 2999U, 5000U, 65535U}) {
    expect_error(frame(Opcode::close, bytes({code >> 8, code & 0xFF})), FrameError::bad_close_code);
  }
  expect_error(frame(Opcode::close, bytes({0x03, 0xE8}) + "\xFF"), FrameError::bad_close_reason);
  expect_error(frame(Opcode::close, bytes({0x03, 0xE8}) + "cut \xE2\x82"), FrameError::bad_close_reason);
}

TEST(MessageAssembler, Joins_characters_that_fragments_and_cuts_split) {
  const std::string euro = "\xE2\x82\xAC";
  expect_events(frame(Opcode::text, euro.substr(0, 1), false) + frame(Opcode::ping, "\xFF") +
                    frame(Opcode::continuation, euro.substr(1, 1), false) +
                    frame(Opcode::continuation, euro.substr(2, 1)),
                {"ping \xFF", "text " + euro});
  expect_events(frame(Opcode::text, euro + euro + "\xF0\x9F\x98\x80"), {"text " + euro + euro + "\xF0\x9F\x98\x80"});
}

TEST(MessageAssembler, Refuses_text_that_is_not_UTF_8_and_takes_the_same_bytes_as_binary) {
  for (const std::string bad : {"\xFF", "\xC0\x80", "abc\xED\xA0\x80", "\xF4\x90\x80\x80", "cut\xE2\x82"}) {
    expect_error(frame(Opcode::text, bad), FrameError::bad_utf8);
    expect_error(frame(Opcode::text, bad, false) + frame(Opcode::continuation, ""), FrameError::bad_utf8);
    expect_events(frame(Opcode::binary, bad), {"binary " + bad});
  }
}

TEST(MessageAssembler, Refuses_a_bad_byte_of_text_at_once_in_a_frame_that_has_not_fully_arrived) {
  const std::string long_tail(500, 'z');
  for (const std::string bad :
       {"good \xFF", "good \xE0\x80", "good \xED\xA0", "good \xF0\x80", "good \xF4\x90", "\xC1"}) {
    const std::string whole = frame(Opcode::text, bad + long_tail);
    const std::string part = whole.substr(0, whole.size() - long_tail.size());
    expect_error_at_last_byte(part, FrameError::bad_utf8);
  }
  // In a later fragment, by a byte that condemns what the fragment before began.
  const std::string second = frame(Opcode::continuation, "\x90" + long_tail, false);
  expect_error_at_last_byte(frame(Opcode::text, "\xF4", false) + second.substr(0, second.size() - long_tail.size()),
                            FrameError::bad_utf8);
}

TEST(MessageAssembler, Refuses_a_message_over_the_limit_as_soon_as_the_head_tells) {
  expect_events({.message_bytes_max = 5}, frame(Opcode::text, "Hello"), {"text Hello"});
  expect_events({.message_bytes_max = 4}, frame(Opcode::text, "Hello").substr(0, 2), {error_line(FrameError::too_big)});
  expect_events({.message_bytes_max = 4}, frame(Opcode::text, "Hello"), {error_line(FrameError::too_big)});
  expect_error_at_last_byte(bytes({0x82, 0xFF, 0x00, 0x01}), FrameError::too_big);
}

TEST(MessageAssembler, Counts_all_fragments_against_the_limit_and_none_of_the_control_frames) {
  const std::string start =
      frame(Opcode::text, std::string(600, 'a'), false) + frame(Opcode::ping, std::string(125, 'p'));
  const std::string ping = "ping " + std::string(125, 'p');
  expect_events(start + frame(Opcode::continuation, std::string(424, 'b')),
                {ping, "text " + std::string(600, 'a') + std::string(424, 'b')});
  const std::string over = frame(Opcode::continuation, std::string(425, 'b'));
  expect_events(start + over, {ping, error_line(FrameError::too_big)});
  expect_events(start + over.substr(0, 4), {ping, error_line(FrameError::too_big)});
  // The count begins anew with every message.
  expect_events(frame(Opcode::binary, std::string(1000, 'a'), false) + frame(Opcode::continuation, "") +
                    frame(Opcode::binary, std::string(1024, 'b')),
                {"binary " + std::string(1000, 'a'), "binary " + std::string(1024, 'b')});
}

TEST(MessageAssembler, Inflates_the_examples_of_RFC_7692_7_2_3) {
  const std::string hello = bytes({0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00});
  expect_events(frame(Opcode::text, hello, true, true), {"text Hello"});
  expect_events({.role = Role::client}, frame(Role::client, Opcode::binary, hello, true, true), {"binary Hello"});
  // In two frames, 7.2.3.1; only the first says RSV1.
  expect_events(frame(Opcode::text, hello.substr(0, 3), false, true) + frame(Opcode::ping, "p") +
                    frame(Opcode::continuation, hello.substr(3)),
                {"ping p", "text Hello"});
  // A block without compression, 7.2.3.3.
  expect_events(frame(Opcode::text, bytes({0x00, 0x05, 0x00, 0xFA, 0xFF, 'H', 'e', 'l', 'l', 'o', 0x00}), true, true),
                {"text Hello"});
  // Compressed and plain messages mix.
  expect_events(
      frame(Opcode::text, hello, true, true) + frame(Opcode::text, "plain") + frame(Opcode::text, hello, true, true),
      {"text Hello", "text plain", "text Hello"});
}

TEST(MessageAssembler, Does_not_take_compressed_bytes_for_text) {
  const std::string hello = bytes({0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00});  // no UTF-8
  expect_events(frame(Opcode::text, hello.substr(0, 1), false, true) + frame(Opcode::continuation, hello.substr(1)),
                {"text Hello"});
}

TEST(MessageAssembler, Judges_UTF_8_of_the_inflated_text) {
  const std::string stored = bytes({0x00, 0x02, 0x00, 0xFD, 0xFF, 0xC3, 0x28, 0x00});
  expect_error(frame(Opcode::text, stored, true, true), FrameError::bad_utf8);
  expect_events(frame(Opcode::binary, stored, true, true), {"binary \xC3("});
  const std::string cut = bytes({0x00, 0x02, 0x00, 0xFD, 0xFF, 0xE2, 0x82, 0x00});
  expect_error(frame(Opcode::text, cut, true, true), FrameError::bad_utf8);
}

TEST(MessageAssembler, Refuses_a_compressed_message_that_does_not_inflate) {
  expect_error(frame(Opcode::text, bytes({0xFF, 0xFF, 0xFF}), true, true), FrameError::bad_deflate);
  expect_error(frame(Opcode::binary, "\xFF", false, true) + frame(Opcode::continuation, "\xFF\xFF"),
               FrameError::bad_deflate);
}

TEST(MessageAssembler, Bounds_a_compressed_message_both_as_it_arrives_and_as_it_inflates) {
  Deflater deflater(9);
  const std::string fits(deflater.compress(std::string(limit, 'a'), DeflateWindow::full));
  expect_events(frame(Opcode::text, fits, true, true), {"text " + std::string(limit, 'a')});
  const std::string bomb(deflater.compress(std::string(1 << 20, 'a'), DeflateWindow::full));
  ASSERT_GT(bomb.size(), limit / 2);
  expect_events({.message_bytes_max = 2000}, frame(Opcode::text, bomb, true, true), {error_line(FrameError::too_big)});
  const std::string one_over(deflater.compress(std::string(limit + 1, 'a'), DeflateWindow::full));
  expect_error(frame(Opcode::text, one_over, true, true), FrameError::too_big);
  expect_error(frame(Opcode::text, std::string(1000, 'x'), false, true) +
                   frame(Opcode::continuation, std::string(25, 'x')).substr(0, 2),
               FrameError::too_big);
}

TEST(MessageAssembler, Hands_out_a_whole_message_where_it_lies_in_the_input) {
  std::string wire = frame(Opcode::text, "in place") + frame(Opcode::ping, "too");
  const char* const begin = wire.data();
  std::span<char> input(wire);
  MessageAssembler assembler(Role::server, limit, false);
  const AssemblerEvent first = assembler.next(input, nullptr);
  EXPECT_EQ(std::get<Message>(first).data.data(), begin + 6);
  EXPECT_EQ(input.data(), begin + 14);
  const AssemblerEvent second = assembler.next(input, nullptr);
  EXPECT_EQ(std::get<Ping>(second).payload.data(), begin + 20);
  EXPECT_EQ(std::get<Message>(first).data, "in place") << "as long as the input's bytes";
  EXPECT_TRUE(std::holds_alternative<Starved>(assembler.next(input, nullptr)));
}

TEST(MessageAssembler, Tells_whether_something_is_unfinished_at_every_cut) {
  const std::string wire = frame(Opcode::text, "a", false) + frame(Opcode::continuation, "b");
  for_every_cut(wire, [&](std::string_view first, std::string_view) {
    const bool in_progress = !first.empty() && first.size() < wire.size();
    EXPECT_EQ(run({}, {first}).in_progress, in_progress) << first.size();
  });
}

TEST(MessageAssembler, Keeps_what_is_unfinished_when_it_is_moved) {
  std::string wire = frame(Opcode::text, "moved");
  MessageAssembler from(Role::server, limit, false);
  std::span<char> first = std::span(wire).first(8);
  EXPECT_TRUE(std::holds_alternative<Starved>(from.next(first, nullptr)));
  MessageAssembler to(std::move(from));
  std::span<char> second = std::span(wire).subspan(8);
  const AssemblerEvent event = to.next(second, nullptr);
  EXPECT_EQ(std::get<Message>(event).data, "moved");
}

TEST(MessageAssembler, Joins_a_large_message_out_of_many_pieces_and_fragments) {
  std::string payload(1 << 20, '\0');
  for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<char>('a' + i % 23);
  std::string fragments = frame(Opcode::text, payload.substr(0, 10), false);
  for (std::size_t at = 10; at < payload.size(); at += 1000) {
    fragments += frame(Opcode::continuation, payload.substr(at, 1000), at + 1000 >= payload.size());
  }
  for (const std::string& wire : {frame(Opcode::text, payload), fragments}) {
    std::vector<std::string_view> pieces;
    for_each_piece(wire, 4099, [&](std::string_view piece) { pieces.push_back(piece); });
    EXPECT_EQ(run({.message_bytes_max = 1 << 20}, pieces).lines, Lines{"text " + payload});
  }
}

}  // namespace
}  // namespace crier::websocket
