// Publishes one message, or a line a message: what `crier pub` does once its options are understood.
#pragma once

#include <chrono>
#include <crier/message.hpp>
#include <crier/options.hpp>
#include <optional>
#include <string>

#include "clients/cli/session.hpp"

namespace crier::cli {

struct PublishWish {
  std::string channel;
  std::optional<std::string> data;  // one message
  std::string file;                 // or lines; "-": of standard input
  bool json = false;
  std::string key;
  bool keyed = true;         // messages have keys, as far as there may be, and are sent again after a cut
  double rate = 0;           // messages a second; 0: no limit
  client::Publication form;  // what all messages have in common
  bool print = false;
  std::chrono::milliseconds wait{0};
  client::Options connection;
};

// JSON as it goes out; the fault is what is wrong with the text.
[[nodiscard]] Result<std::string, Fault> publish_data(const std::string& text, bool json);

// Answers the exit code. Throws std::invalid_argument where the connection's options cannot be right.
[[nodiscard]] int publish(const config::Usage& usage, PublishWish wish);

}  // namespace crier::cli
