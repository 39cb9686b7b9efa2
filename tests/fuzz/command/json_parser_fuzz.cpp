// Properties: what we take as JSON is what another library takes, but for our own rules; a batch's views lie
// in the message or are valid; a refusal is bounded and says something; replies and pushes made of what was
// parsed are JSON.
#include <cstdint>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "protocol/base/check.hpp"
#include "protocol/command/json_codec.hpp"
#include "protocol/command/json_scanner.hpp"
#include "tests/support/json_judge.hpp"

namespace {

using namespace crier::command;

bool is_utf8(std::string_view text) {
  // The other library throws when it is to print anything else.
  try {
    static_cast<void>(nlohmann::json(text).dump());
    return true;
  } catch (const nlohmann::json::type_error&) {
    return false;
  }
}

void compare(std::string_view text) {
  // A byte order mark is skipped over there, and a NUL ends the text.
  if (text.starts_with("\xEF\xBB\xBF") || text.find('\0') != std::string_view::npos) return;
  crier::testing::JsonJudge judge;
  const bool theirs = nlohmann::json::sax_parse(text, &judge);
  if (judge.overflow) return;
  CRIER_ASSERT(!check_json(text) == (theirs && judge.deepest <= nesting_max));
}

bool lies_in(std::string_view part, std::string_view whole) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

void check_publish(const Publish& publish, std::string_view message) {
  CRIER_ASSERT(lies_in(publish.data, message));
  CRIER_ASSERT(!check_json(publish.data));
  CRIER_ASSERT(publish.broadcast == !publish.channels.empty());
  CRIER_ASSERT(publish.broadcast || check_channel_name(publish.channel).empty());
  for (const auto channel : publish.channels) CRIER_ASSERT(check_channel_name(channel).empty());
  const std::string_view channel = publish.broadcast ? publish.channels.front() : publish.channel;
  const MessagePush push{channel, "", publish.data, publish.encoding, "e", 1, 2};
  std::string out;
  append_json(out, push);
  CRIER_ASSERT(out.size() <= json_bytes_max(push) && json_bytes_max(push) <= out.size() + 64);
  // The push is one level itself, as the command was.
  CRIER_ASSERT(!check_json(out));
}

void check_refusal(const CommandError& refused) {
  CRIER_ASSERT(!refused.error.detail.empty() && refused.error.detail.size() < 600);
  CRIER_ASSERT(refused.channel.empty() || check_channel_name(refused.channel).empty() ||
               check_channel_pattern(refused.channel).empty());
  std::string out;
  append_json(out, Reply(ErrorReply{refused.id, refused.command, refused.channel, refused.error, {}}));
  CRIER_ASSERT(nlohmann::json::accept(out));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A block of exactly the message's size, so that a read behind its end is seen.
  const auto block = std::make_unique<char[]>(size);
  if (size > 0) std::memcpy(block.get(), data, size);
  const std::string_view message(block.get(), size);

  static JsonCommandParser parser;  // one for all messages, as in the broker
  const bool utf8 = is_utf8(message);
  if (utf8) compare(message);
  std::string quoted;
  append_json_string(quoted, message);
  CRIER_ASSERT(nlohmann::json::accept(quoted));
  if (utf8) CRIER_ASSERT(quoted == nlohmann::json(message).dump());

  const auto batch = parser.parse(message);
  if (!batch) {
    if (utf8) check_refusal(batch.error());
    return 0;
  }
  CRIER_ASSERT(!check_json(message));
  CRIER_ASSERT(!batch->commands.empty() && batch->commands.size() <= commands_per_message_max);
  CRIER_ASSERT(batch->array || batch->commands.size() == 1);
  if (!utf8) return 0;
  for (const Command& command : batch->commands) {
    if (const auto* publish = std::get_if<Publish>(&command.body)) check_publish(*publish, message);
    std::string out;
    append_json(out, Reply(PongReply{command.id}));
    CRIER_ASSERT(nlohmann::json::accept(out));
  }
  return 0;
}
