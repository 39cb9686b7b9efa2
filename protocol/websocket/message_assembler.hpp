// Frames to messages: fragments, interleaved control frames, UTF-8, limits, inflation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

#include "protocol/websocket/frame.hpp"
#include "protocol/websocket/frame_parser.hpp"

namespace crier::websocket {

class Inflater;  // deflate.hpp

// What `next` found. Views stay valid until the next call of `next` on this assembler or (when the
// message lay whole in the input) as long as the input's bytes.
struct Starved {};  // every byte of the input was taken; an unfinished frame is kept inside
struct Message {
  Opcode opcode = Opcode::text;  // text (valid UTF-8) or binary
  std::string_view data;
};
struct Ping {
  std::string_view payload;
};
struct Pong {
  std::string_view payload;
};
struct CloseFrame {
  CloseCode code = CloseCode::no_status;  // any code that is valid on the wire, or no_status
  std::string_view reason;
};

// FrameError ends the connection: nothing after it can be trusted, and `next` must not be called again.
using AssemblerEvent = std::variant<Starved, Message, Ping, Pong, CloseFrame, FrameError>;

// One connection's incoming half. Small when nothing is unfinished (I7): at most 32 bytes, no heap, once
// `next` has said Starved. A whole message that lies in the input is unmasked there and handed out without
// a copy.
// Not thread-safe; no clock. Memory is at most message_bytes_max and a small fixed record, and as much
// again for the inflated text of a compressed message; it is taken as bytes arrive, never as a length
// announces them. message_bytes_max bounds a message as it arrives and as it is handed out.
class MessageAssembler {
 public:
  MessageAssembler(Role role, std::size_t message_bytes_max, bool deflate_negotiated);
  ~MessageAssembler();
  MessageAssembler(MessageAssembler&&) noexcept;
  MessageAssembler& operator=(MessageAssembler&&) noexcept;

  // Takes bytes from the front of `input` (and unmasks them in place). `inflater` is shared by all
  // connections of a thread; needed only when deflate was negotiated.
  [[nodiscard]] AssemblerEvent next(std::span<char>& input, Inflater* inflater);

  // Is a message or frame unfinished?
  [[nodiscard]] bool in_progress() const noexcept;

 private:
  struct Unfinished;

  [[nodiscard]] std::optional<FrameHead> common_head(std::span<char>& input) const noexcept;
  [[nodiscard]] FrameHeadStep take_head(std::span<char>& input);
  [[nodiscard]] FrameHeadStep parse_head(std::string_view& bytes) const;
  [[nodiscard]] AssemblerEvent take_whole_frame(const FrameHead& head, std::span<char>& input, Inflater* inflater);
  [[nodiscard]] std::optional<AssemblerEvent> take_payload(std::span<char>& input, Inflater* inflater);
  [[nodiscard]] AssemblerEvent finish_message(Inflater* inflater);
  [[nodiscard]] AssemblerEvent inflate(Opcode opcode, std::string_view payload, Inflater* inflater);
  [[nodiscard]] bool in_message() const noexcept;
  [[nodiscard]] Unfinished& unfinished();

  std::unique_ptr<Unfinished> unfinished_;  // null: nothing is unfinished, and no view is out
  std::size_t message_bytes_max_;
  Role role_;
  bool deflate_negotiated_;
};

}  // namespace crier::websocket
