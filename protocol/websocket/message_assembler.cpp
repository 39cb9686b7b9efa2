#include "protocol/websocket/message_assembler.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "protocol/base/check.hpp"
#include "protocol/websocket/deflate.hpp"
#include "protocol/websocket/mask.hpp"
#include "protocol/websocket/utf8.hpp"

namespace crier::websocket {

namespace {

static_assert(sizeof(MessageAssembler) <= 32);  // I7: it lies in every idle connection

// The first piece of a cut message takes at least this much, so that a short one is stored once.
constexpr std::size_t message_reserve_bytes_min = 256;

std::string_view view(std::span<const char> bytes) {
  return {bytes.data(), bytes.size()};
}

std::span<char> take(std::span<char>& input, std::size_t bytes) {
  const std::span<char> taken = input.first(bytes);
  input = input.subspan(bytes);
  return taken;
}

bool is_control(Opcode opcode) {
  return (static_cast<unsigned>(opcode) & 0x08U) != 0;
}

AssemblerEvent close_event(std::string_view payload) {
  if (payload.empty()) return CloseFrame{};
  if (payload.size() == 1) return FrameError::bad_close_payload;
  const auto high = static_cast<unsigned char>(payload[0]);
  const auto low = static_cast<unsigned char>(payload[1]);
  const auto code = static_cast<std::uint16_t>((high << 8) | low);
  if (!valid_on_the_wire(code)) return FrameError::bad_close_code;
  const std::string_view reason = payload.substr(2);
  if (!valid_utf8(reason)) return FrameError::bad_close_reason;
  return CloseFrame{static_cast<CloseCode>(code), reason};
}

AssemblerEvent control_event(Opcode opcode, std::string_view payload) {
  if (opcode == Opcode::ping) return Ping{payload};
  if (opcode == Opcode::pong) return Pong{payload};
  CRIER_ASSERT(opcode == Opcode::close);
  return close_event(payload);
}

}  // namespace

// What outlives a call: a cut head, a cut frame, the fragments of a message, or what the last call's views
// show. The bytes of a message have no second home: they are appended to `message` as they arrive.
struct MessageAssembler::Unfinished {
  std::array<char, frame_head_bytes_max> head{};
  std::uint8_t head_bytes = 0;  // of `head`: more than 0 while a head is cut
  bool in_frame = false;        // `frame` is valid and its payload still arriving
  bool in_message = false;      // a data frame came, its message's final one is not complete
  bool compressed = false;      // of the message, as is `opcode`
  Opcode opcode = Opcode::text;
  Utf8Validator utf8;
  FrameHead frame;
  std::uint64_t frame_bytes = 0;  // of the payload, so far
  std::array<char, control_payload_bytes_max> control{};
  std::vector<char> message;  // exact where std::string would round up beyond the limit
  std::string inflated;

  [[nodiscard]] bool idle() const noexcept { return head_bytes == 0 && !in_frame && !in_message; }

  // `utf8` and `message` need no reset: `next` drops the record as soon as a message in it was handed out,
  // so that every message begins in a fresh one.
  void begin_frame(const FrameHead& next_frame) {
    frame = next_frame;
    frame_bytes = 0;
    in_frame = true;
    if (is_control(frame.opcode) || frame.opcode == Opcode::continuation) return;
    CRIER_ASSERT(message.empty() && utf8.complete());
    in_message = true;
    opcode = frame.opcode;
    compressed = frame.compressed;
  }

  // Room grows with what has arrived, twofold, so that many small pieces cost few copies and a large
  // announcement costs nothing. More than the message can still become is never taken.
  void append(std::string_view piece, std::size_t message_bytes_max) {
    const std::size_t size = message.size() + piece.size();
    if (size > message.capacity()) {
      const std::size_t announced = message.size() + static_cast<std::size_t>(frame.payload_bytes - frame_bytes);
      const std::size_t size_max = frame.fin ? announced : message_bytes_max;
      message.reserve(std::min(size_max, std::max(2 * size, message_reserve_bytes_min)));
    }
    message.insert(message.end(), piece.begin(), piece.end());
  }
};

MessageAssembler::MessageAssembler(Role role, std::size_t message_bytes_max, bool deflate_negotiated)
    : message_bytes_max_(message_bytes_max), role_(role), deflate_negotiated_(deflate_negotiated) {}
MessageAssembler::~MessageAssembler() = default;
MessageAssembler::MessageAssembler(MessageAssembler&&) noexcept = default;
MessageAssembler& MessageAssembler::operator=(MessageAssembler&&) noexcept = default;

bool MessageAssembler::in_progress() const noexcept {
  return unfinished_ != nullptr && !unfinished_->idle();
}

AssemblerEvent MessageAssembler::next(std::span<char>& input, Inflater* inflater) {
  // The views of the last call end here, and with them the reason to hold memory.
  if (unfinished_ != nullptr && unfinished_->idle()) unfinished_.reset();
  if (unfinished_ == nullptr) {
    if (const std::optional<FrameHead> head = common_head(input)) return take_whole_frame(*head, input, inflater);
  }
  for (;;) {
    if (unfinished_ == nullptr || !unfinished_->in_frame) {
      if (input.empty()) return Starved{};
      const FrameHeadStep step = take_head(input);
      if (const auto* error = std::get_if<FrameError>(&step)) return *error;
      const auto* head = std::get_if<FrameHead>(&step);
      if (head == nullptr) return Starved{};
      const bool alone = is_control(head->opcode) || (head->fin && !in_message());
      if (alone && head->payload_bytes <= input.size()) return take_whole_frame(*head, input, inflater);
      unfinished().begin_frame(*head);
    }
    if (auto event = take_payload(input, inflater)) return *event;
  }
}

// The head of the frame that nearly every frame is, if `input` begins with one and holds all of it: a whole
// uncompressed message under 64 KiB. Everything else, and everything wrong, is left to FrameHeadParser.
std::optional<FrameHead> MessageAssembler::common_head(std::span<char>& input) const noexcept {
  constexpr unsigned final_text = 0x81;
  constexpr unsigned final_binary = 0x82;
  const bool masked = role_ == Role::server;
  if (input.size() < 8) return std::nullopt;  // as much as is read below
  const auto byte = [&](std::size_t at) -> unsigned { return static_cast<unsigned char>(input[at]); };
  const unsigned first = byte(0);
  if (first != final_text && first != final_binary) return std::nullopt;
  std::size_t length = byte(1) ^ (masked ? 0x80U : 0U);  // the mask bit stays set where it is wrong
  std::size_t head_bytes = 2;
  if (length == 126) {
    length = (byte(2) << 8) | byte(3);
    head_bytes = 4;
    if (length < 126) return std::nullopt;
  } else if (length > 126) {
    return std::nullopt;
  }
  FrameHead head{.opcode = static_cast<Opcode>(first & 0x0FU), .masked = masked, .payload_bytes = length};
  if (masked) {
    std::memcpy(&head.mask, input.data() + head_bytes, sizeof head.mask);
    head_bytes += sizeof head.mask;
  }
  if (length > message_bytes_max_ || input.size() - head_bytes < length) return std::nullopt;
  input = input.subspan(head_bytes);
  return head;
}

// Takes a head from the front of `input`, or with NeedMoreBytes all of `input`.
FrameHeadStep MessageAssembler::take_head(std::span<char>& input) {
  const std::size_t kept = unfinished_ == nullptr ? 0 : unfinished_->head_bytes;
  std::string_view bytes = view(input);
  if (kept > 0) {
    const std::size_t more = std::min(frame_head_bytes_max - kept, input.size());
    std::memcpy(unfinished_->head.data() + kept, input.data(), more);
    bytes = {unfinished_->head.data(), kept + more};
  }
  const std::size_t bytes_before = bytes.size();
  const FrameHeadStep step = parse_head(bytes);
  if (std::holds_alternative<NeedMoreBytes>(step)) {
    Unfinished& state = unfinished();
    if (kept == 0) std::memcpy(state.head.data(), bytes.data(), bytes.size());
    state.head_bytes = static_cast<std::uint8_t>(bytes.size());
    input = {};
  } else if (std::holds_alternative<FrameHead>(step)) {
    if (kept > 0) unfinished_->head_bytes = 0;
    input = input.subspan(bytes_before - bytes.size() - kept);
  }
  return step;
}

// A frame out of sequence shows in the first byte, and so is refused before anything behind that byte is
// looked at: the answer must not depend on where a read was cut.
FrameHeadStep MessageAssembler::parse_head(std::string_view& bytes) const {
  const std::size_t message_bytes = in_message() ? unfinished_->message.size() : 0;
  const FrameHeadParser parser(role_, deflate_negotiated_, message_bytes_max_ - message_bytes);
  std::string_view first_byte = bytes.substr(0, 1);
  FrameHeadStep step = parser.next(first_byte);
  if (std::holds_alternative<FrameError>(step)) return step;
  const auto opcode = static_cast<Opcode>(static_cast<unsigned char>(bytes[0]) & 0x0FU);
  if (!is_control(opcode)) {
    const bool continues = opcode == Opcode::continuation;
    if (continues && !in_message()) return FrameError::unexpected_continuation;
    if (!continues && in_message()) return FrameError::expected_continuation;
  }
  return parser.next(bytes);
}

// A control frame, or a message of one frame: unmasked in the input and shown there.
AssemblerEvent MessageAssembler::take_whole_frame(const FrameHead& head, std::span<char>& input, Inflater* inflater) {
  const std::span<char> payload = take(input, static_cast<std::size_t>(head.payload_bytes));
  apply_mask(payload, head.mask);
  if (is_control(head.opcode)) return control_event(head.opcode, view(payload));
  if (head.compressed) return inflate(head.opcode, view(payload), inflater);
  if (head.opcode == Opcode::text && !valid_utf8(view(payload))) return FrameError::bad_utf8;
  return Message{head.opcode, view(payload)};
}

// Goes on with the frame whose head was taken. nullopt: that was a fragment, the next frame may follow.
std::optional<AssemblerEvent> MessageAssembler::take_payload(std::span<char>& input, Inflater* inflater) {
  Unfinished& state = *unfinished_;
  const FrameHead& frame = state.frame;
  const bool control = is_control(frame.opcode);
  const std::uint64_t missing = frame.payload_bytes - state.frame_bytes;
  const std::span<char> piece = take(input, missing < input.size() ? static_cast<std::size_t>(missing) : input.size());
  apply_mask(piece, frame.mask, static_cast<std::size_t>(state.frame_bytes));
  if (control) {
    std::copy(piece.begin(), piece.end(), state.control.begin() + static_cast<std::ptrdiff_t>(state.frame_bytes));
  } else {
    // RFC 6455 8.1: what no later byte can mend is told now, not at the message's end.
    const bool plain_text = state.opcode == Opcode::text && !state.compressed;
    if (plain_text && !state.utf8.feed(view(piece))) return FrameError::bad_utf8;
    state.append(view(piece), message_bytes_max_);
  }
  state.frame_bytes += piece.size();
  if (state.frame_bytes < frame.payload_bytes) return Starved{};
  state.in_frame = false;
  if (control) return control_event(frame.opcode, {state.control.data(), static_cast<std::size_t>(state.frame_bytes)});
  if (!frame.fin) return std::nullopt;
  return finish_message(inflater);
}

AssemblerEvent MessageAssembler::finish_message(Inflater* inflater) {
  Unfinished& state = *unfinished_;
  state.in_message = false;
  if (state.compressed) return inflate(state.opcode, view(state.message), inflater);
  if (state.opcode == Opcode::text && !state.utf8.complete()) return FrameError::bad_utf8;
  return Message{state.opcode, view(state.message)};
}

AssemblerEvent MessageAssembler::inflate(Opcode opcode, std::string_view payload, Inflater* inflater) {
  CRIER_ASSERT(inflater != nullptr);  // RSV1 passes only where deflate was negotiated
  std::string& inflated = unfinished().inflated;
  if (const auto error = inflater->inflate(payload, message_bytes_max_, inflated)) {
    return *error == InflateError::too_big ? FrameError::too_big : FrameError::bad_deflate;
  }
  if (opcode == Opcode::text && !valid_utf8(inflated)) return FrameError::bad_utf8;
  return Message{opcode, inflated};
}

bool MessageAssembler::in_message() const noexcept {
  return unfinished_ != nullptr && unfinished_->in_message;
}

MessageAssembler::Unfinished& MessageAssembler::unfinished() {
  if (unfinished_ == nullptr) unfinished_ = std::make_unique<Unfinished>();
  return *unfinished_;
}

}  // namespace crier::websocket
