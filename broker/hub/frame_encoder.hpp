// Turns a message into its frame in one wire form. One a shard.
#pragma once

#include <string>

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
  // Appends the whole frame.
  void append(std::string& out, const Message& message, WireForm form);

 private:
  CompressionSettings settings_;
  websocket::Deflater deflater_;
};

}  // namespace crier::hub
