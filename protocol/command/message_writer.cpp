#include "protocol/command/message_writer.hpp"

#include <charconv>
#include <cstring>
#include <string>

namespace crier::command {

namespace {

constexpr std::string_view message_head = R"({"op":"message","channel":")";
constexpr std::string_view pattern_key = R"(","pattern":")";
constexpr std::string_view data_key = R"(","data":)";
constexpr std::string_view base64_member = R"(,"encoding":"base64")";
constexpr std::string_view time_key = R"(,"time":)";
constexpr std::size_t integer_bytes_max = 20;

char* put(char* out, std::string_view text) {
  if (text.empty()) return out;  // its pointer may be null, which memcpy may not see
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

}  // namespace

OpenedMessage write_message_open(char* out, const MessagePush& push) {
  OpenedMessage opened;
  char* at = put(out, message_head);
  opened.channel_at = static_cast<std::size_t>(at - out);
  at = put(at, push.channel);
  if (!push.pattern.empty()) at = put(put(at, pattern_key), push.pattern);
  at = put(at, data_key);
  opened.data_at = static_cast<std::size_t>(at - out);
  at = put(at, push.data_json);
  if (push.encoding == Encoding::base64) at = put(at, base64_member);
  opened.bytes = static_cast<std::size_t>(at - out);
  return opened;
}

char* write_message_close(char* out, std::string_view epoch, std::uint64_t offset, std::int64_t time_ms) {
  if (!epoch.empty()) {
    out = put(put(out, position_member_head), epoch);
    *out++ = ':';
    out = std::to_chars(out, out + integer_bytes_max, offset).ptr;
    *out++ = '"';
  }
  out = std::to_chars(put(out, time_key), out + time_key.size() + integer_bytes_max, time_ms).ptr;
  *out++ = '}';
  return out;
}

void append_json(std::string& out, const MessagePush& push) {
  const std::size_t before = out.size();
  out.resize(before + json_bytes_max(push));
  char* const begin = out.data() + before;
  const OpenedMessage opened = write_message_open(begin, push);
  const char* const end = write_message_close(begin + opened.bytes, push.epoch, push.offset, push.time_ms);
  out.resize(static_cast<std::size_t>(end - out.data()));
}

std::size_t json_bytes_max(const MessagePush& push) {
  std::size_t bytes = message_head.size() + push.channel.size() + data_key.size() + push.data_json.size();
  if (!push.pattern.empty()) bytes += pattern_key.size() + push.pattern.size();
  if (push.encoding == Encoding::base64) bytes += base64_member.size();
  if (!push.epoch.empty()) bytes += position_member_head.size() + push.epoch.size() + 1 + integer_bytes_max + 1;
  return bytes + time_key.size() + integer_bytes_max + 1;
}

}  // namespace crier::command
