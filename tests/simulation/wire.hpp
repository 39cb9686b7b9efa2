// A client's end of the wire: bytes that were cut anywhere, back into pushes and replies. With parsers that
// share nothing with what wrote them but the frame heads and the inflater.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "broker/hub/subscriber.hpp"
#include "protocol/websocket/deflate.hpp"

namespace crier::simulation {

struct Heard {
  nlohmann::json push;                // empty: the end
  std::optional<std::uint16_t> code;  // of a close frame
  std::string event_id;               // of a server-sent event
};

class WireReader {
 public:
  explicit WireReader(hub::WireForm form) : form_(form) {}

  void add(std::string_view bytes) { bytes_ += bytes; }
  // The next whole frame or event; none: more bytes are needed, or `fault` says what is wrong.
  [[nodiscard]] std::optional<Heard> next();
  [[nodiscard]] const std::string& fault() const { return fault_; }
  // Is there half of something?
  [[nodiscard]] bool in_the_middle() const { return at_ < bytes_.size(); }

 private:
  [[nodiscard]] std::optional<Heard> next_frame();
  [[nodiscard]] std::optional<Heard> next_event();
  void compact();

  hub::WireForm form_;
  std::string bytes_;
  std::size_t at_ = 0;
  std::string fault_;
  websocket::Inflater inflater_;
  std::string inflated_;
};

// A command as this form carries it.
[[nodiscard]] std::string encode_command(const std::string& json, hub::WireForm form);

}  // namespace crier::simulation
