// A channel to which a client subscribes with no command of its own: by the URL, or by its token.
#pragma once

#include <optional>
#include <string>

#include "protocol/command/channel_name.hpp"

namespace crier::session {

struct ChannelAtConnect {
  std::string name;                        // or a pattern
  std::optional<command::Position> since;  // where it goes on
};

}  // namespace crier::session
