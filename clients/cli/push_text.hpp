// What `crier sub` prints of what a broker sends: one line each. Pure.
#pragma once

#include <crier/message.hpp>
#include <string>
#include <string_view>

namespace crier::cli {

// Pushes as they come over the wire (protocol/README.md), without line ends.
[[nodiscard]] std::string push_json(const client::Message& message);
[[nodiscard]] std::string push_json(const client::Gap& gap);
[[nodiscard]] std::string push_json(const client::PresenceChange& change);
[[nodiscard]] std::string ended_json(std::string_view channel, const client::Error& error);

// A message's data in one line: line ends within JSON are white space, and become blanks.
[[nodiscard]] std::string data_line(std::string_view data);
// The text of a JSON string with its line ends and the like; other values as they are.
[[nodiscard]] std::string raw_text(std::string_view data);

}  // namespace crier::cli
