#include "broker/hub/frame_encoder.hpp"

#include "protocol/websocket/frame_writer.hpp"

namespace crier::hub {

void FrameEncoder::append(std::string& out, const Message& message, WireForm form) {
  if (form == WireForm::json || !message.compressible() || message.json().size() < settings_.bytes_min) {
    out.append(message.frame());
    return;
  }
  const auto window =
      form == WireForm::json_deflate_full ? websocket::DeflateWindow::full : websocket::DeflateWindow::small;
  const std::string_view compressed = deflater_.compress(message.json(), window);
  if (compressed.size() >= message.json().size()) {
    out.append(message.frame());
    return;
  }
  websocket::append_server_frame(out, websocket::Opcode::text, compressed, /*compressed=*/true);
}

}  // namespace crier::hub
