#include "broker/hub/message.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <new>
#include <string>

#include "protocol/command/message_writer.hpp"
#include "protocol/websocket/frame_writer.hpp"

namespace crier::hub {

std::string SessionId::text() const {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text(32, '0');
  for (std::size_t i = 0; i < 16; ++i) {
    text[15 - i] = digits[(high >> (4 * i)) & 15];
    text[31 - i] = digits[(low >> (4 * i)) & 15];
  }
  return text;
}

bool SessionId::parse(std::string_view text, SessionId& id) {
  if (text.size() != 32) return false;
  const char* const middle = text.data() + 16;
  const char* const end = text.data() + 32;
  const auto high = std::from_chars(text.data(), middle, id.high, 16);
  const auto low = std::from_chars(middle, end, id.low, 16);
  return high.ec == std::errc{} && high.ptr == middle && low.ec == std::errc{} && low.ptr == end;
}

namespace {

std::uint64_t hash_seed = 0x9E3779B97F4A7C15;  // set once, before any thread runs

// Both halves of the 128-bit product: every bit of either factor reaches every bit of the result.
std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

}  // namespace

void seed_channel_hash(std::uint64_t seed) noexcept {
  hash_seed = seed;
}

std::size_t hash_of(std::string_view channel) noexcept {
  std::uint64_t hash = fold(hash_seed ^ channel.size(), 0xA0761D6478BD642F);
  while (!channel.empty()) {
    std::uint64_t word = 0;
    const std::size_t bytes = std::min(channel.size(), sizeof(word));
    std::memcpy(&word, channel.data(), bytes);
    hash = fold(hash ^ word, 0xE7037ED1A0B428DB ^ hash_seed);
    channel.remove_prefix(bytes);
  }
  return hash;
}

void MessageDelete::operator()(Message* message) const noexcept {
  message->~Message();
  ::operator delete(message);
}

MessageDraft::MessageDraft(std::string_view channel, std::size_t channel_hash, std::string_view data_json,
                           const MessageOptions& options) {
  command::MessagePush push;
  push.channel = channel;
  push.data_json = data_json;
  push.encoding = options.encoding;
  push.epoch = "0123456789abcdef";  // room for the longest; the home writes its own
  const std::size_t json_end_max = Message::json_at + command::json_bytes_max(push);
  const std::size_t capacity = json_end_max + options.conflate_key.size();
  CRIER_ASSERT(capacity <= std::numeric_limits<std::uint32_t>::max());
  message_.reset(new (::operator new(sizeof(Message) + capacity)) Message);
  Message& message = *message_;
  message.capacity_ = static_cast<std::uint32_t>(capacity);
  message.channel_hash_ = channel_hash;
  message.received_ns_ = options.received_ns;
  message.encoding_ = options.encoding;
  message.compressible_ = options.compressible;
  message.probe_ = options.probe;
  if (options.echo_off != nullptr) message.excluded_[0] = *options.echo_off;
  if (options.exclude != nullptr) message.excluded_[1] = *options.exclude;
  message.excludes_ = options.echo_off != nullptr || options.exclude != nullptr;
  const command::OpenedMessage opened = command::write_message_open(message.text() + Message::json_at, push);
  message.channel_at_ = Message::json_at + static_cast<std::uint32_t>(opened.channel_at);
  message.channel_bytes_ = static_cast<std::uint8_t>(channel.size());
  message.data_at_ = Message::json_at + static_cast<std::uint32_t>(opened.data_at);
  message.data_bytes_ = static_cast<std::uint32_t>(data_json.size());
  message.expires_ms_ = static_cast<std::int64_t>(options.ttl_s) * 1000;
  CRIER_ASSERT(options.conflate_key.size() <= std::numeric_limits<std::uint8_t>::max());
  message.conflate_at_ = static_cast<std::uint32_t>(json_end_max);
  message.conflate_bytes_ = static_cast<std::uint8_t>(options.conflate_key.size());
  options.conflate_key.copy(message.text() + json_end_max, options.conflate_key.size());
  message.json_end_ = Message::json_at + static_cast<std::uint32_t>(opened.bytes);
}

MessagePtr MessageDraft::seal(const Seal& seal) && {
  Message& message = *message_;
  message.offset_ = seal.offset;
  message.number_ = seal.number;
  message.time_ms_ = seal.time_ms;
  message.shown_ms_ = seal.time_ms + seal.stepped_ms;
  if (message.expires_ms_ != 0) message.expires_ms_ += seal.time_ms;
  char* const end =
      command::write_message_close(message.text() + message.json_end_, seal.epoch, seal.offset, message.shown_ms_);
  if (!seal.epoch.empty()) {
    message.position_at_ = message.json_end_ + static_cast<std::uint32_t>(command::position_member_head.size());
    const std::string_view rest(message.text() + message.position_at_, command::position_bytes_max);
    message.position_bytes_ = static_cast<std::uint8_t>(rest.find('"'));
  }
  message.json_end_ = static_cast<std::uint32_t>(end - message.text());
  CRIER_ASSERT(message.json_end_ <= message.conflate_at_);
  const std::size_t payload = message.json_end_ - Message::json_at;
  const std::size_t head = websocket::server_head_bytes(payload);
  message.frame_at_ = static_cast<std::uint32_t>(Message::json_at - head);
  char bytes[websocket::frame_head_bytes_max];
  websocket::write_frame_head(bytes, {.opcode = websocket::Opcode::text, .payload_bytes = payload});
  std::memcpy(message.text() + message.frame_at_, bytes, head);
  return MessagePtr(message_.release());
}

}  // namespace crier::hub
