// Properties, of any bytes as CBOR: what is taken becomes valid JSON of bounded size and of the value that another
// library reads, and no beginning of it is taken; a refusal names a byte. Of any bytes as JSON: valid JSON becomes
// CBOR that is the same value to another library, and comes back. Of any bytes as data: they arrive as they were.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "protocol/base/check.hpp"
#include "protocol/command/cbor_number.hpp"
#include "protocol/command/cbor_reader.hpp"
#include "protocol/command/cbor_writer.hpp"
#include "protocol/command/json_codec.hpp"
#include "protocol/command/json_scanner.hpp"
#include "protocol/command/utf8_prefix.hpp"
#include "tests/support/json_judge.hpp"

namespace {

using namespace crier::command;

// The same value, by another library's reader of CBOR; with `bytes` there are byte strings somewhere, which JSON
// shows as base64.
void compare_with_cbor(std::string_view json, std::string_view cbor, bool bytes) {
  const auto theirs = nlohmann::json::from_cbor(cbor, /*strict=*/true, /*allow_exceptions=*/false);
  CRIER_ASSERT(!theirs.is_discarded());
  if (!bytes) CRIER_ASSERT(nlohmann::json::parse(json) == theirs);
}

void check_refusal(const crier::Error& error) {
  CRIER_ASSERT(error.code == crier::ErrorCode::bad_request);
  CRIER_ASSERT(error.detail.size() < 200);
  CRIER_ASSERT(error.field == "encoding" ? error.detail.starts_with("encoding: ") : error.field.empty());
  CRIER_ASSERT(error.detail.find("byte ") != std::string::npos);
}

void check_as_cbor(CborTranscoder& transcoder, std::string_view message) {
  const auto answer = transcoder.to_json(message);
  if (!answer) return check_refusal(answer.error());
  const std::string json(*answer);
  CRIER_ASSERT(!check_json(json) && nlohmann::json::accept(json));
  CRIER_ASSERT(utf8_prefix_bytes(json) == json.size());
  CRIER_ASSERT(json.size() <= 8 * message.size());
  compare_with_cbor(json, message, json.find(R"(","encoding":"base64")") != std::string::npos);
  constexpr std::size_t cuts_max = 200;  // each is a message of its own
  const std::size_t step = message.size() / cuts_max + 1;
  for (std::size_t bytes = 0; bytes < message.size(); bytes += step) {
    CRIER_ASSERT(!transcoder.to_json(message.substr(0, bytes)));
  }
}

void check_as_json(CborTranscoder& transcoder, std::string_view text) {
  if (utf8_prefix_bytes(text) != text.size() || check_json(text)) return;
  std::string cbor;
  append_cbor(cbor, text, JsonOrigin::client);
  CRIER_ASSERT(cbor.size() <= text.size() * 3 + 8);
  crier::testing::JsonJudge judge;
  nlohmann::json::sax_parse(text, &judge);
  if (judge.overflow) return;  // the other library refuses it, and so do we on the way back
  const auto value = nlohmann::json::parse(text);
  CRIER_ASSERT(nlohmann::json::from_cbor(cbor) == value);
  // Their writer's form is another than ours.
  for (const auto& wire : {cbor, [&value] {
                             std::string out;
                             nlohmann::json::to_cbor(value, out);
                             return out;
                           }()}) {
    const auto back = transcoder.to_json(wire);
    CRIER_ASSERT(static_cast<bool>(back) == value.is_structured());
    if (back) CRIER_ASSERT(nlohmann::json::parse(*back) == value);
  }
}

// A publish of these bytes, as its subscribers see it.
void check_as_data(CborTranscoder& transcoder, std::string_view bytes) {
  static JsonCommandParser parser;
  std::string command("\xA3\x62op\x67publish\x67", 13);
  command.append("channel\x61").append("a\x64").append("data");
  append_cbor_head(command, CborMajor::byte_string, bytes.size());
  command += bytes;
  const auto json = transcoder.to_json(command);
  CRIER_ASSERT(json);
  const auto batch = parser.parse(*json);
  CRIER_ASSERT(batch);
  const auto& publish = std::get<Publish>(batch->commands[0].body);
  CRIER_ASSERT(publish.encoding == Encoding::base64);
  const MessagePush push{publish.channel, "", publish.data, publish.encoding, "e", 1, 2};
  std::string direct;
  append_cbor_message(direct, push);
  std::string text;
  append_json(text, push);
  std::string through_json;
  append_cbor(through_json, text, JsonOrigin::broker);
  CRIER_ASSERT(direct == through_json);
  const auto received = nlohmann::json::from_cbor(direct);
  const auto& binary = received["data"].get_binary();
  const auto* const data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  CRIER_ASSERT(std::equal(binary.begin(), binary.end(), data, data + bytes.size()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A block of exactly the message's size, so that a read behind its end is seen.
  const auto block = std::make_unique<char[]>(size);
  if (size > 0) std::memcpy(block.get(), data, size);
  const std::string_view message(block.get(), size);
  static CborTranscoder transcoder;  // one for all messages, as in the broker
  check_as_cbor(transcoder, message);
  check_as_json(transcoder, message);
  check_as_data(transcoder, message);
  return 0;
}
