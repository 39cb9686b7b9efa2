// Turns pushes into what goes over the wire, in one wire form: frames, or events of a stream. One a shard.
#pragma once

#include <string>
#include <string_view>

#include "broker/hub/message.hpp"
#include "broker/hub/subscriber.hpp"
#include "protocol/websocket/deflate.hpp"

namespace crier::hub {

struct CompressionSettings {
  std::size_t bytes_min = 256;  // of the push; smaller ones go as they are
  int level = 1;
};

class FrameEncoder {
 public:
  explicit FrameEncoder(const CompressionSettings& settings) : settings_(settings), deflater_(settings.level) {}
  void reconfigure(const CompressionSettings& settings);
  // Appends a message: the whole frame, or (sse) its event without an id. `pattern` is the one of the
  // subscription, "" for one to the channel itself.
  void append(std::string& out, const Message& message, WireForm form, std::string_view pattern = {});
  // Appends any other push or reply, which is never compressed. `json` is one of ours, `op` its first member.
  void append_push(std::string& out, std::string_view json, WireForm form);

 private:
  void append_json(std::string& out, std::string_view json, bool compressible, WireForm form);

  CompressionSettings settings_;
  websocket::Deflater deflater_;
  std::string scratch_;  // a frame that needs its length before its head
};

}  // namespace crier::hub
