#include "tests/simulation/wire.hpp"

#include <variant>

#include "protocol/websocket/frame_parser.hpp"

namespace crier::simulation {

using nlohmann::json;

std::optional<Heard> WireReader::next() {
  if (!fault_.empty()) return std::nullopt;
  std::optional<Heard> heard;
  try {
    heard = form_ == hub::WireForm::sse ? next_event() : next_frame();
  } catch (const json::exception& error) {
    fault_ = error.what();
  }
  compact();
  return heard;
}

void WireReader::compact() {
  if (at_ == bytes_.size()) {
    bytes_.clear();
    at_ = 0;
  } else if (at_ > 64 * 1024) {
    bytes_.erase(0, at_);
    at_ = 0;
  }
}

std::optional<Heard> WireReader::next_frame() {
  const bool deflate = form_ == hub::WireForm::json_deflate_full || form_ == hub::WireForm::json_deflate_small;
  const websocket::FrameHeadParser parser(websocket::Role::client, deflate, 1U << 30U);
  std::string_view rest = std::string_view(bytes_).substr(at_);
  if (rest.empty()) return std::nullopt;
  const websocket::FrameHeadStep step = parser.next(rest);
  if (std::holds_alternative<websocket::NeedMoreBytes>(step)) return std::nullopt;
  const auto* const head = std::get_if<websocket::FrameHead>(&step);
  if (head == nullptr || !head->fin) {
    fault_ = "a frame that no server may send";
    return std::nullopt;
  }
  if (rest.size() < head->payload_bytes) return std::nullopt;
  std::string_view payload = rest.substr(0, head->payload_bytes);
  at_ = bytes_.size() - rest.size() + payload.size();
  Heard heard;
  if (head->opcode == websocket::Opcode::close) {
    heard.code = payload.size() < 2 ? std::uint16_t{1005}
                                    : static_cast<std::uint16_t>(static_cast<std::uint8_t>(payload[0]) << 8U |
                                                                 static_cast<std::uint8_t>(payload[1]));
    return heard;
  }
  const bool binary = form_ == hub::WireForm::cbor;
  if (head->opcode != (binary ? websocket::Opcode::binary : websocket::Opcode::text)) {
    fault_ = "an opcode that this form does not have";
    return std::nullopt;
  }
  if (head->compressed) {
    if (inflater_.inflate(payload, 1U << 30U, inflated_)) {
      fault_ = "what was compressed does not inflate";
      return std::nullopt;
    }
    payload = inflated_;
  }
  heard.push = binary ? json::from_cbor(payload.begin(), payload.end()) : json::parse(payload);
  return heard;
}

// Events end with an empty line; ours have an id, an event, one line of data, or a retry.
std::optional<Heard> WireReader::next_event() {
  while (true) {
    const std::size_t end = bytes_.find("\n\n", at_);
    if (end == std::string::npos) return std::nullopt;
    std::string_view event = std::string_view(bytes_).substr(at_, end + 1 - at_);
    Heard heard;
    std::string_view name;
    std::string_view data;
    while (!event.empty()) {
      const std::string_view line = event.substr(0, event.find('\n'));
      event.remove_prefix(line.size() + 1);
      if (line.starts_with("id: ")) heard.event_id = line.substr(4);
      if (line.starts_with("event: ")) name = line.substr(7);
      if (line.starts_with("data: ")) data = line.substr(6);
    }
    at_ = end + 2;
    if (data.empty()) continue;  // a comment, or how long to wait
    heard.push = json::parse(data);
    if (heard.push.at("op").get_ref<const std::string&>() != name) fault_ = "an event whose name is not its op";
    return heard;
  }
}

std::string encode_command(const std::string& text, hub::WireForm form) {
  if (form != hub::WireForm::cbor) return text;
  const auto bytes = json::to_cbor(json::parse(text));
  return {bytes.begin(), bytes.end()};
}

}  // namespace crier::simulation
