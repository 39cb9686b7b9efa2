// Reads back what the broker wrote: whole unmasked frames, one after another.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/websocket/deflate.hpp"
#include "protocol/websocket/frame_parser.hpp"

namespace crier::testing {

struct ServerFrame {
  websocket::Opcode opcode = websocket::Opcode::text;
  bool compressed = false;
  std::string payload;  // inflated
};

inline std::vector<ServerFrame> read_server_frames(std::string_view bytes) {
  std::vector<ServerFrame> frames;
  const websocket::FrameHeadParser parser(websocket::Role::client, /*deflate_negotiated=*/true, 1 << 30);
  while (!bytes.empty()) {
    const websocket::FrameHeadStep step = parser.next(bytes);
    const auto* const head = std::get_if<websocket::FrameHead>(&step);
    if (head == nullptr || bytes.size() < head->payload_bytes) {
      ADD_FAILURE() << "not a whole frame, " << bytes.size() << " bytes before the end";
      return frames;
    }
    ServerFrame frame{head->opcode, head->compressed, std::string(bytes.substr(0, head->payload_bytes))};
    bytes.remove_prefix(head->payload_bytes);
    if (frame.compressed) {
      std::string inflated;
      EXPECT_FALSE(websocket::Inflater().inflate(frame.payload, 1 << 30, inflated));
      frame.payload = inflated;
    }
    frames.push_back(std::move(frame));
  }
  return frames;
}

// Of text frames alone.
inline std::vector<std::string> read_texts(std::string_view bytes) {
  std::vector<std::string> texts;
  for (ServerFrame& frame : read_server_frames(bytes)) {
    EXPECT_EQ(frame.opcode, websocket::Opcode::text);
    texts.push_back(std::move(frame.payload));
  }
  return texts;
}

}  // namespace crier::testing
