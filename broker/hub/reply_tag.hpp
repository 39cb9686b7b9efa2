// How a session recognises the answer to what it asked: as it likes, the hub only carries it.
#pragma once

#include <cstdint>

#include "protocol/command/command.hpp"

namespace crier::hub {

using ShardId = std::uint16_t;

struct ReplyTag {
  enum class Kind : std::uint8_t { none, single, part } kind = Kind::none;  // none: no acknowledgement wanted
  std::uint32_t group = 0;                                                  // part: which broadcast or request
  std::uint32_t index = 0;                                                  // part: which of its channels or commands
  command::CommandId id;
};

}  // namespace crier::hub
