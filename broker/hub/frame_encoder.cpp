#include "broker/hub/frame_encoder.hpp"

#include "protocol/command/cbor_writer.hpp"
#include "protocol/http/event_stream.hpp"
#include "protocol/websocket/frame_writer.hpp"

namespace crier::hub {

namespace {

// The push with the pattern behind its channel: a subscription to a pattern is told which one it was.
void splice_pattern(std::string& out, const Message& message, std::string_view pattern) {
  const std::string_view json = message.json();
  const auto channel_end = static_cast<std::size_t>(message.channel().data() - json.data()) + message.channel().size();
  out.assign(json.substr(0, channel_end));
  out += R"(","pattern":")";
  out += pattern;
  out += json.substr(channel_end);
}

// `{"op":"message",…`: the op of one of our own pushes.
std::string_view op_of(std::string_view json) {
  constexpr std::string_view head = R"({"op":")";
  CRIER_ASSERT(json.starts_with(head));
  json.remove_prefix(head.size());
  return json.substr(0, json.find('"'));
}

void append_binary(std::string& out, std::string& scratch, std::string_view json) {
  scratch.clear();
  command::append_cbor(scratch, json, command::JsonOrigin::broker);
  websocket::append_server_frame(out, websocket::Opcode::binary, scratch);
}

}  // namespace

void FrameEncoder::reconfigure(const CompressionSettings& settings) {
  if (settings.level != settings_.level) deflater_ = websocket::Deflater(settings.level);
  settings_ = settings;
}

void FrameEncoder::append(std::string& out, const Message& message, WireForm form, std::string_view pattern) {
  const bool plain = form == WireForm::json || !message.compressible() || message.json().size() < settings_.bytes_min;
  if (pattern.empty() && plain && form <= WireForm::json_deflate_small) {
    out.append(message.frame());
    return;
  }
  if (pattern.empty()) return append_json(out, message.json(), message.compressible(), form);
  std::string spliced;
  spliced.reserve(message.json().size() + pattern.size() + 16);
  splice_pattern(spliced, message, pattern);
  append_json(out, spliced, message.compressible(), form);
}

void FrameEncoder::append_json(std::string& out, std::string_view json, bool compressible, WireForm form) {
  const bool deflate = form == WireForm::json_deflate_full || form == WireForm::json_deflate_small;
  if (!deflate || !compressible || json.size() < settings_.bytes_min) return append_push(out, json, form);
  const auto window =
      form == WireForm::json_deflate_full ? websocket::DeflateWindow::full : websocket::DeflateWindow::small;
  const std::string_view compressed = deflater_.compress(json, window);
  if (compressed.size() >= json.size()) return append_push(out, json, form);
  websocket::append_server_frame(out, websocket::Opcode::text, compressed, /*compressed=*/true);
}

void FrameEncoder::append_push(std::string& out, std::string_view json, WireForm form) {
  switch (form) {
    case WireForm::json:
    case WireForm::json_deflate_full:
    case WireForm::json_deflate_small: return websocket::append_server_frame(out, websocket::Opcode::text, json);
    case WireForm::cbor: return append_binary(out, scratch_, json);
    case WireForm::sse: return http::append_event(out, op_of(json), json);
  }
}

}  // namespace crier::hub
